// Package session keeps what happened: append-only journals of typed events,
// one for each session, from which everything else about a session is folded.
//
// It is for every contract with state that a client may come back to. Its
// first use is stored Responses: a chain of responses is one session, each
// stored response is an event labelled with its id, and previous_response_id
// is a label to continue from.
//
// It guarantees that
//   - an event is durable when [Journal.Append] returns, and an append happens
//     whole or not at all;
//   - an append is compared with (session, epoch, next sequence number) in the
//     transaction that writes it, so that of two writers one wins and the other
//     is told ([ErrStale]) and has changed nothing;
//   - continuing from the head of a session extends it; continuing from
//     anywhere else forks it: the new session names its parent (session, seq)
//     and shares the past instead of copying it;
//   - a label names at most one event within its tenant, found by index;
//     labelling an event with an idempotency key makes its append happen once;
//   - events are chained: each carries the hash of the one before and a digest
//     of its payload under the session's own key, so that [Verify] finds any
//     later change, and erasing payload and key leaves a chain that still
//     verifies but tells nothing about what was erased;
//   - nothing is reachable but through its tenant.
//
// Example:
//
//	cur, err := journal.Continue(ctx, tenant, previousResponseID) // or journal.Begin(tenant, "responses")
//	past, err := journal.History(ctx, cur)
//	…
//	cur, err = journal.Append(ctx, cur, session.Draft{
//		Type: "response.stored", Version: 1, Label: id, Payload: body,
//	})
//
// Beside [Store] stand smaller contracts that every store implements too:
// [Leaser] gives a session one owner and finds due work, [Snapshots] keeps
// folds, [Buffer] keeps streams for readers that come again, and [Index] lists
// sessions. [Journal.Submit] takes input from those who are not the owner,
// exactly once; [Forms] reads events that older programs wrote.
package session
