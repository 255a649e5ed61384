// Package process starts the servers that benchmarks measure, ends them, and
// reads what they use of the machine.
//
// It is for the benchmarks below bench, on Linux.
//
// It guarantees that a process gets nothing of the caller's environment but the
// path (no proxy, no key), and that ending it ends everything it started.
//
// Example:
//
//	p, err := process.Start(dir, "server.log", nil, "bin/craton", "serve")
//	if err != nil {
//		return err
//	}
//	defer p.Stop(30 * time.Second)
//	err = p.WaitFor(ctx, time.Minute, ready)
package process
