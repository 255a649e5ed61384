// Package agent decides what an agent's session does next. It is for the
// driver, which does it, and for whoever shows sessions to clients.
//
// A session is a journal of typed events. [State] is their fold, [Step] folds
// one more event and says which effects are due: events to record, and work to
// do once they are on disk. Everything here is pure: no clock, no randomness,
// no I/O, so that a journal means the same wherever it is folded.
//
// It guarantees that
//   - the same events fold to the same state, and the same state decides the
//     same effects, in the same order;
//   - an intent is recorded before its work is done, and decided once;
//   - what an owner left unfinished is known from the state alone: [State.Orphans]
//     says for each intent whether it is done again, with the same key, or
//     parked until somebody settles what became of it.
//
// Example:
//
//	state, effects, err := agent.Step(state, event)
//	for _, effect := range effects {
//		// record effect.Draft, then perform it
//	}
package agent
