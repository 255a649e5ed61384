// Package sqlite keeps everything in one SQLite database in a data directory:
// the store of an installation on one machine, without anything to set up.
//
// It is for the command that starts the server, and for tests that need a
// durable store.
//
// It guarantees that
//   - what a write acknowledged is on disk (WAL, synchronous=FULL) and survives
//     kill -9 and loss of power; writers that come together share one
//     transaction and one sync, each with its own outcome; only what streams
//     said ([session.Buffer]) may be lost with the power, as its contract says;
//   - reads never wait for writes, and see every acknowledged one;
//   - one process at a time has the directory, others are told which one;
//   - the schema is brought forward by [Open] alone, and one from a newer program is
//     refused untouched;
//   - a backup is a consistent copy made while the server works. The master
//     key is not part of the database, and so of no backup.
//
// Example:
//
//	store, err := sqlite.Open(ctx, dataDir)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	journal, err := session.New(session.Config{Store: store, …})
package sqlite
