// Package driver keeps agent sessions going. It is for the server, which runs
// one Driver a process, and for the edge, which creates, feeds and reads
// sessions through [Sessions].
//
// A session is owned by at most one driver at a time, by lease. Its owner folds
// the journal, asks package agent what is due, records it, and performs what
// was recorded: calls of models and tools. Outcomes and the intents that follow
// from them share one append.
//
// It guarantees that
//   - no tool is called before its intent is on record, and nothing is recorded
//     by an owner that was replaced. A model may be asked while its intent is on
//     its way to the disk, but nothing it says is told or kept before that is
//     there, and nothing at all if it never gets there;
//   - input is durable before it is acknowledged, and with an idempotency key
//     taken once;
//   - no effect outlives its owner's lease: it is begun while the lease holds,
//     and cut off at the moment the lease ends unless it was renewed, by the
//     owner's own clock, whether or not the store answers. So an effect may take
//     longer than a lease; and one that the outside world goes on with all the
//     same is not made again, where that would matter, before its timeout has
//     passed after the lease;
//   - work that an owner left behind goes on with the next one: models are
//     asked again, tools by their class (see package tool), and what people
//     have to decide waits for them;
//   - a reader that resumes where it stopped is told each thing once, in
//     order, whichever process serves it; readers with nothing to be told ask the
//     store together, by one question for all of a process every few seconds;
//   - a driver that is stopped hands its sessions over in seconds.
//
// Example:
//
//	d, err := driver.New(driver.Config{Store: store, Journal: journal, Models: models, …})
//	go d.Run(ctx)
//	sessions := d.Sessions()
//	id, err := sessions.Create(ctx, driver.Creation{Tenant: t, Created: created, Input: input})
//	tail, err := sessions.Tail(ctx, t, id, "")
package driver
