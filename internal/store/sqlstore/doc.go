// Package sqlstore keeps tenants and keys, journals, usage, budgets and
// documents in a SQL database, with its SQL written once.
//
// It is for the packages that know a particular database, which give it an
// [Engine]: how to run a durable write and a read there, and the few words in
// which the databases differ ([Dialect]).
//
// It guarantees what the contracts in packages document, identity, session and
// usage promise, if the engine keeps its own: a write is one transaction,
// serialised against others that touch the same rows, and durable when it
// returns. Every query names its tenant.
//
// Example:
//
//	store := sqlstore.New(engine)
//	err := sqlstore.Migrate(ctx, db, dialect)
//	directory, err := identity.NewDirectory(identity.Config{Store: store, …})
package sqlstore
