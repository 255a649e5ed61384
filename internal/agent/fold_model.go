package agent

import (
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

func (s *State) modelCalled(e Event, b *ModelCalled) error {
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	t.Turn.Due = false
	s.Runs = append(s.Runs, &Run{Seq: e.Seq, Kind: RunModel, Thread: b.Thread, Turn: b.Turn, Base: b.Base, Input: b.Input, Stop: t.Turn.Cancel})
	return nil
}

func (s *State) modelAnswered(e Event, b *ModelAnswered) error {
	if err := s.finish(e, b.Call); err != nil {
		return err
	}
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	s.spend(t, b.Usage, b.Cost)
	turn := t.Turn
	turn.Failures, turn.Stop, turn.Capped = 0, b.Stop, b.Capped
	turn.Steps++
	t.Tokens = b.Usage.Total()
	if b.Window > 0 {
		t.Window = b.Window
	}
	message := s.unique(t, b)
	if len(message.Parts) > 0 {
		t.Context = append(t.Context, message)
	}
	items := Lay(message.Parts)
	turn.Outputs = b.Base + items.Count
	turn.Calls = turn.openAsync()
	for i, part := range message.Parts {
		if call, ok := part.(*model.ToolCall); ok && !call.Server {
			at := items.Places[i]
			turn.Calls = append(turn.Calls, s.call(t, call, Call{
				Item: ItemID(prefixOf(call), e.Session, b.Call, at.Item), Index: b.Base + at.Item,
			}))
		}
	}
	return nil
}

// unique gives calls whose id was used before, or is missing, one of their own:
// also those that another agent of the session has open.
func (s *State) unique(t *Thread, b *ModelAnswered) model.Message {
	calls := b.Message.ToolCalls()
	if len(calls) == 0 {
		return b.Message
	}
	seen := make(map[string]bool)
	for _, other := range s.Threads {
		if other.Turn.Over() {
			continue
		}
		for _, call := range other.Turn.Calls {
			seen[call.ID] = true
		}
	}
	for _, call := range calls {
		if !seen[call.ID] {
			seen[call.ID] = s.memo.called(t, call.ID)
		}
	}
	message := b.Message
	message.Parts = append([]model.Part(nil), b.Message.Parts...)
	for i, part := range message.Parts {
		call, ok := part.(*model.ToolCall)
		if !ok || call.Server {
			continue
		}
		if call.ID == "" || seen[call.ID] {
			named := *call
			named.ID = callID(call.ID, b.Call, i)
			message.Parts[i], call = &named, &named
		}
		seen[call.ID] = true
	}
	return message
}

// callID makes an id for the i-th part of the answer to event seq.
func callID(given string, seq uint64, i int) string {
	if given == "" {
		given = "call"
	}
	return fmt.Sprintf("%s_%d_%d", given, seq, i)
}

// Unique is the answer's message as the context has it: with calls renamed
// whose ids were used before. It is to be asked before the event is folded.
func (s *State) Unique(b *ModelAnswered) model.Message {
	if t := s.Thread(b.Thread); t != nil {
		return s.unique(t, b)
	}
	return b.Message
}

func (s *State) modelFailed(e Event, b *ModelFailed) error {
	if err := s.finish(e, b.Call); err != nil {
		return err
	}
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	s.spend(t, b.Usage, b.Cost)
	turn := t.Turn
	turn.Failures++
	turn.Outputs = b.Base + Lay(b.Partial).Count
	if !b.Retry || turn.Failures >= MaxFailures {
		turn.Fatal, turn.Code, turn.Message = true, b.Code, b.Message
		return nil
	}
	turn.Due, turn.Retry = true, e.At.Add(retryAfter(turn.Failures, b.After))
	return nil
}

// MaxFailures is how often in a row the model is asked in vain before the turn
// fails. Interruptions do not count.
const MaxFailures = 5

func (s *State) modelInterrupted(e Event, b *ModelInterrupted) error {
	if err := s.finish(e, b.Call); err != nil {
		return err
	}
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	s.spend(t, b.Usage, b.Cost)
	t.Turn.Outputs = b.Base + Lay(b.Partial).Count
	t.Turn.Due = true
	return nil
}

// openAsync are the asynchronous calls that the client still owes.
func (t *Turn) openAsync() []*Call {
	var open []*Call
	for _, call := range t.Calls {
		if call.Async && call.State != CallDone {
			open = append(open, call)
		}
	}
	return open
}
