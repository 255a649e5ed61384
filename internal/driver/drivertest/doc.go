// Package drivertest holds what tests of package driver share: a model that
// follows a plan, tools that count what was done with them, and the rules that
// every journal and every reader must keep, whatever happened to the nodes.
//
// It is for the simulation (package sim) and for the kill test (package
// driver/crash): both break nodes in their own way and ask the same questions.
//
// It guarantees that
//   - [Script] says what follows from what it is asked alone, but never names
//     the same operation twice, so that each call can be told from all others;
//   - [Ledger] knows each call of each operation, the effects they had, and
//     under which keys;
//   - [Oracle] finds the first event of a journal that should not be there.
//
// Example:
//
//	script := &drivertest.Script{Op: drivertest.Counter("n1")}
//	ledger := drivertest.NewLedger()
//	d, err := driver.New(driver.Config{Models: script, Tools: ledger, …})
//	…
//	err = oracle.Read(events...)
//	err = ledger.Check(oracle)
package drivertest
