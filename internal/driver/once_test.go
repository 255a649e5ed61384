package driver_test

import (
	"errors"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/session"
)

// TestUsedOnce: of creations that use the same thing the first is made. The very
// same request is answered its session while there is one, and what was used
// stays used when it was deleted.
func TestUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, stop := w.node()
	defer stop()
	s, ctx := d.Sessions(), t.Context()
	ask := func(label, key, body, who string, uses ...string) (*driver.View, error) {
		return s.Create(ctx, driver.Creation{Tenant: "t1", Label: label, Key: key, Body: []byte(body), Uses: uses,
			Created: agent.Created{Definition: agent.Definition{ID: "agent_x", Model: "m"}, Mode: agent.Parking, Principal: agent.Principal{Key: who}}})
	}
	refused := func(what string, v *driver.View, err error) {
		t.Helper()
		if !errors.Is(err, session.ErrLabelTaken) {
			t.Errorf("%s: %v, %v", what, v, err)
		}
	}
	first, err := ask("l1", "k", "body", "ann", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"k", "", "another"} {
		if v, err := ask("l2", key, "body", "ann", "a", "b"); err != nil || v.State.Session != first.State.Session {
			t.Errorf("repeat %d: %v, %v", i, v, err)
		}
	}
	v, err := ask("l3", "", "another body", "ann", "a")
	refused("another body", v, err)
	v, err = ask("l4", "", "body", "bob", "a", "b")
	refused("another principal", v, err)
	v, err = ask("l5", "", "body", "ann", "c", "b")
	refused("half of it", v, err)
	if v, err = ask("l6", "", "body", "ann", "c"); err != nil || v.State.Session == first.State.Session {
		t.Errorf("what a refused creation would have used: %v, %v", v, err)
	}
	if err := s.Delete(ctx, "t1", first.State.Session); err != nil {
		t.Fatal(err)
	}
	v, err = ask("l7", "k", "body", "ann", "a", "b")
	refused("after it was deleted", v, err)
}
