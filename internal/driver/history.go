package driver

import (
	"context"

	"github.com/craton-ai/craton/internal/agent"
)

// History is everything that a session's journal tells of its turns and items.
type History struct {
	// Turns are in order of creation; Items in order of addition.
	Turns []TurnRecord
	Items []*agent.Item
	// State is the session as it stands.
	State *agent.State
	index map[string]int
}

// TurnRecord is one turn, of the root agent or of a subagent.
type TurnRecord struct {
	Thread string
	agent.Turn
}

// History folds a session's whole past. It costs as much as the session is
// long.
func (s *Sessions) History(ctx context.Context, tenant, id string) (*History, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	events, err := s.driver.config.Journal.History(ctx, head)
	if err != nil {
		return nil, hide(err, id)
	}
	p := agent.NewProjector(agent.NewState())
	h := &History{State: p.State, index: map[string]int{}}
	for _, e := range events {
		read, err := s.driver.codec.Read(e)
		if err != nil {
			return nil, hide(err, id)
		}
		// What was cut short was shown while it was said.
		switch b := read.Body.(type) {
		case *agent.ModelFailed:
			p.Blind(b.Call)
		case *agent.ModelInterrupted:
			p.Blind(b.Call)
		}
		told, err := p.Next(read)
		if err != nil {
			return nil, err
		}
		for _, signal := range told {
			h.add(signal)
		}
	}
	h.refresh()
	return h, nil
}

func (h *History) add(signal agent.Signal) {
	switch signal.Kind {
	case agent.SignalTurnCreated:
		h.Turns = append(h.Turns, TurnRecord{signal.Thread, *signal.At})
	case agent.SignalTurnEnded:
		for i := len(h.Turns) - 1; i >= 0; i-- {
			if h.Turns[i].ID == signal.Turn {
				h.Turns[i].Turn = *signal.At
				break
			}
		}
	case agent.SignalItemAdded, agent.SignalItemDone:
		if at, known := h.index[signal.Item.ID]; known {
			h.Items[at] = signal.Item
			return
		}
		h.index[signal.Item.ID] = len(h.Items)
		h.Items = append(h.Items, signal.Item)
	}
}

// refresh takes turns under way as they are now.
func (h *History) refresh() {
	for i := range h.Turns {
		for _, t := range h.State.Threads {
			if t.Turn != nil && t.Turn.ID == h.Turns[i].ID {
				h.Turns[i].Turn = *t.Turn
			}
		}
	}
}
