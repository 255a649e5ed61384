// Package sessiontest is the conformance suite of session.Store. It is for
// authors of stores; a store that passes keeps every promise of the contract.
//
// It guarantees to run its cases in parallel, each with a store of its own.
//
// Example:
//
//	func TestSessions(t *testing.T) {
//		sessiontest.Run(t, func(t *testing.T) session.Store { return mem.New() })
//	}
package sessiontest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// Opener returns an empty store that is closed with the test.
type Opener func(t *testing.T) session.Store

// Run tests a kind of store.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, fixture)
	}{
		{"events come back as appended", roundTrip},
		{"an append is compared with epoch, number and hash", fencing},
		{"an append happens whole or not at all", atomicity},
		{"one of many concurrent writers wins", race},
		{"many sessions are written at once", crowd},
		{"labels are unique and found", labels},
		{"a fork shares the past", forks},
		{"the first of two continuations extends, the second forks", continuations},
		{"large payloads are shared and erased with their last event", payloads},
		{"a payload appended while it is erased stays", payloadRace},
		{"erased events leave a chain that verifies", erasure},
		{"an erased session takes no more", erasedSession},
		{"pages", pages},
		{"tenants are apart", isolation},
		{"bad batches are refused", badBatches},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			c.test(t, fixture{T: t, store: store, journal: NewJournal(t, store)})
		})
	}
}

// Now is the time of journals made by [NewJournal].
var Now = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// NewJournal returns a journal over the store with a fixed clock, fixed
// randomness and payloads inline up to 64 bytes.
func NewJournal(t testing.TB, store session.Store) *session.Journal {
	t.Helper()
	j, err := session.New(session.Config{
		Store:  store,
		Now:    func() time.Time { return Now },
		Random: &counter{},
		ContentKey: func(_ context.Context, tenant string) ([]byte, error) {
			return []byte("content key of " + tenant), nil
		},
		Inline: 64,
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// counter is a reader whose bytes never repeat: hashes of 0, 1, 2, …
type counter struct {
	n    int
	rest []byte
}

func (c *counter) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		sum := sha256.Sum256(fmt.Append(nil, "fixed ", c.n))
		c.n++
		c.rest = sum[:]
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

var _ io.Reader = (*counter)(nil)

// fixture is one case's store with a journal over it.
type fixture struct {
	*testing.T
	store   session.Store
	journal *session.Journal
}

func (f fixture) begin(tenant string) session.Session {
	f.Helper()
	s, err := f.journal.Begin(tenant, "test")
	f.must(err)
	return s
}

func (f fixture) append(head session.Session, drafts ...session.Draft) session.Session {
	f.Helper()
	next, err := f.journal.Append(f.Context(), head, drafts...)
	f.must(err)
	return next
}

func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) want(err, cause error) {
	f.Helper()
	if !errors.Is(err, cause) {
		f.Errorf("got error %v, want %v", err, cause)
	}
}

// history returns the payloads of a head's past, and checks that it verifies.
func (f fixture) history(head session.Session) string {
	f.Helper()
	past, err := f.journal.History(f.Context(), head)
	f.must(err)
	out := ""
	prev := session.Hash{}
	for _, e := range past {
		f.must(session.Verify(prev, nil, []session.Event{e}))
		prev = e.Hash
		out += string(e.Payload)
	}
	return out
}

func say(text string) session.Draft {
	return session.Draft{Type: "said", Version: 1, Payload: []byte(text)}
}

func labelled(label, text string) session.Draft {
	d := say(text)
	d.Label = label
	return d
}

func large(b byte) string { return string(bytes.Repeat([]byte{b}, 1000)) }
