// Package crash kills processes that drive sessions. It is for whoever changes
// the driver or a store: its tests start the test binary as a server, with a
// durable store, and end it with SIGKILL before or after any of its calls of
// the store and of tools, at random, and while or after it hands over its
// sessions as SIGTERM asks it to, while clients outside go on using
// their sessions. With PostgreSQL there are three such servers at once, the
// network between them and the database is cut or swallows what is said, and the
// database itself ends.
//
// It guarantees nothing by itself; it holds the driver to what package driver
// guarantees, by the rules of package drivertest. Tools run in the test's own
// process, so that what was done is known whatever happened to who asked for it.
//
// Example, the long form on one store:
//
//	CRATON_CRASH_KILLS=10000 go test ./internal/driver/crash -run CrashOfServers/sqlite -timeout 12h
//
// It can be run in parts, to each of which CRATON_CRASH_SEED gives draws of its own.
package crash
