package driver_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// halting says two words and then nothing until it is stopped.
type halting struct{ said chan struct{} }

func (h *halting) Ask(context.Context, driver.Asker, *model.Request) (*driver.Answer, error) {
	return &driver.Answer{Stream: &haltingStream{halting: h, gone: make(chan struct{})}, Model: "halting"}, nil
}

type haltingStream struct {
	*halting
	n    int
	gone chan struct{}
}

func (s *haltingStream) Next() (model.Event, error) {
	s.n++
	switch s.n {
	case 1:
		return model.Event{Kind: model.EventStart}, nil
	case 2:
		return model.Event{Kind: model.EventPartStart, Part: &model.Text{}}, nil
	case 3:
		return model.Event{Kind: model.EventDelta, Text: "two words"}, nil
	}
	close(s.said)
	<-s.gone
	return model.Event{}, io.ErrUnexpectedEOF
}

func (s *haltingStream) Close() error {
	select {
	case <-s.gone:
	default:
		close(s.gone)
	}
	return nil
}

// TestHistoryHasWhatWasCutShort cancels a turn in the middle of an answer, and
// finds what was said in the history as readers were told it.
func TestHistoryHasWhatWasCutShort(t *testing.T) {
	t.Parallel()
	models := &halting{said: make(chan struct{})}
	w := newWorld(t, models)
	d, _ := w.node()
	s := d.Sessions()
	id := create(t, s, agent.Definition{}, "hello").State.Session
	tail, err := s.Tail(t.Context(), "t1", id, driver.FromStart)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	<-models.said
	if err := s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{&agent.Cancel{}}}); err != nil {
		t.Fatal(err)
	}
	until(t, tail, agent.Idle)
	h, err := s.History(t.Context(), "t1", id)
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := h.Items(t.Context(), driver.ItemQuery{Page: driver.Page{Oldest: true, Limit: 9}, Wanted: func(*agent.Item) bool { return true }})
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	cut := items[1]
	if text := agent.PartText(cut.Content[0]); cut.Status != agent.ItemIncomplete || text != "two words" {
		t.Errorf("the answer is %s: %q", cut.Status, text)
	}
}

// TestReach asks for the tools of a server that is there, and of one that is not.
func TestReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, _ := w.node()
	if err := d.Sessions().Reach(t.Context(), "t1", tool.Server{Label: "a"}); model.AsError(err).Kind != model.Unsupported {
		t.Errorf("a node without tools: %v", err)
	}
	w.tools = drivertest.NewLedger()
	d, _ = w.node()
	if err := d.Sessions().Reach(t.Context(), "t1", tool.Server{Label: "a"}); err != nil {
		t.Error(err)
	}
	gone := errors.New("gone")
	w.tools = closed{gone}
	d, _ = w.node()
	if err := d.Sessions().Reach(t.Context(), "t1", tool.Server{Label: "a"}); !errors.Is(err, gone) {
		t.Errorf("a server that is gone: %v", err)
	}
}

// closed opens nothing.
type closed struct{ err error }

func (c closed) Open(context.Context, string, tool.Server) (tool.Source, error) { return nil, c.err }
