package driver_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
)

// TestMailboxIsBounded fills the mailbox of a session that waits for a result,
// with many inputs in one request and with few large ones.
func TestMailboxIsBounded(t *testing.T) {
	t.Parallel()
	atBoth(t, func(t *testing.T, w *world, s *driver.Sessions) {
		p := park(t, w, s)
		said := func(n, size int) []agent.Body {
			bodies := make([]agent.Body, n)
			for i := range bodies {
				bodies[i] = &agent.Message{Messages: []model.Message{model.UserText(strings.Repeat("x", size))}}
			}
			return bodies
		}
		p.refused("more inputs than may wait", model.Overloaded, "Too much input", func() error { return p.send("t1", "", said(driver.MaxQueued+1, 1)...) })
		if err := p.send("t1", "", said(1, driver.MaxQueuedBytes)...); err != nil {
			t.Fatal(err)
		}
		p.refused("more bytes than may wait", model.Overloaded, "Too much input", func() error { return p.send("t1", "", said(1, 1)...) })
	})
}

// TestManyAsksAtOnce sends more input at the same moment than one append takes.
func TestManyAsksAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
		w.linger = time.Hour
		d, stop := w.node()
		defer stop()
		p := park(t, w, d.Sessions())
		var all sync.WaitGroup
		for i := range 1500 {
			all.Go(func() {
				review := fmt.Sprint(i)
				if err := p.send("t1", "k"+review, &agent.Updated{Review: &review}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := p.get().Head.Seq; n < 3000 {
			t.Errorf("the journal has %d events", n)
		}
	})
}

// TestServersOwnLabels: a session is listed under its agent, whatever its
// client calls a label.
func TestServersOwnLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, stop := w.node()
	defer stop()
	s := d.Sessions()
	created := agent.Created{Definition: agent.Definition{ID: "agent_x", Model: "m"}, Mode: agent.Parking,
		Metadata: map[string]string{driver.AgentKey: "agent_y"}}
	if _, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: created}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"agent_x": 1, "agent_y": 0} {
		if views, err := s.List(t.Context(), driver.Query{Tenant: "t1", Agent: name, Limit: 9}); len(views) != want || err != nil {
			t.Errorf("%s has %d sessions, want %d, %v", name, len(views), want, err)
		}
	}
}
