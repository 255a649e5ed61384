package driver_test

import (
	"errors"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/session"
)

// TestCreationThatCameBefore is known by its key and body within its tenant,
// until the session is deleted: its key goes with it.
func TestCreationThatCameBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, stop := w.node()
	defer stop()
	s, ctx := d.Sessions(), t.Context()
	creation := driver.Creation{Tenant: "t1", Key: "k", Body: []byte("a"),
		Created: agent.Created{Definition: agent.Definition{ID: "agent_x", Model: "m"}, Mode: agent.Parking}}
	if v, err := s.Created(ctx, "t1", "k", []byte("a")); v != nil || err != nil {
		t.Fatalf("before it came: %v, %v", v, err)
	}
	made, err := s.Create(ctx, creation)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Created(ctx, "t1", "k", []byte("a")); err != nil || v == nil || v.State.Session != made.State.Session {
		t.Errorf("after it came: %v, %v", v, err)
	}
	if _, err := s.Created(ctx, "t1", "k", []byte("b")); !errors.Is(err, session.ErrKeyReused) {
		t.Errorf("with another body: %v", err)
	}
	if v, err := s.Created(ctx, "t2", "k", []byte("a")); v != nil || err != nil {
		t.Errorf("another tenant: %v, %v", v, err)
	}
	if err := s.Delete(ctx, "t1", made.State.Session); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Created(ctx, "t1", "k", []byte("a")); v != nil || err != nil {
		t.Errorf("after it was deleted: %v, %v", v, err)
	}
	if v, err := s.Create(ctx, creation); err != nil || v.State.Session == made.State.Session {
		t.Errorf("made again after it was deleted: %v, %v", v, err)
	}
}
