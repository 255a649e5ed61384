package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// writersAtOnce is how many journals are copied at the same time: as many as
// fill two groups of the stores' group commits, one written while the other is
// gathered.
const writersAtOnce = 512

// measureStored compares how long a server takes to be ready, and for a turn,
// with few and with very many sessions in its store. The many are copies of a
// session that had a turn, written straight through the store.
func measureStored(ctx context.Context, e *env) error {
	if _, err := fmt.Fprintf(e.out, "\nstart of the server and turn of %d steps (medians) with 1 and with %d stored sessions\n%-36s %22s %32s %14s\n",
		turnSteps, e.stored, "", "ready after", "turn p50", "turn ratio"); err != nil {
		return err
	}
	// Sessions of the first interface that is served stand for the rest.
	for _, backend := range backends {
		for _, f := range forms() {
			if f.name == "Agents, built-in tool" || !e.wanted(cratonName(f, backend)) {
				continue
			}
			ok, err := e.storedOf(ctx, f, backend)
			if errors.Is(err, errNoPostgres) {
				fmt.Fprintf(e.out, "%s is skipped: %v\n", cratonName(f, backend), err)
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", cratonName(f, backend), err)
			}
			if ok {
				break
			}
		}
	}
	return nil
}

// storedOf measures one interface on one store; ok is false if it is not served.
func (e *env) storedOf(ctx context.Context, f form, backend string) (ok bool, err error) {
	s, err := e.serve(ctx, backend)
	if err != nil {
		return false, err
	}
	running := true
	defer func() {
		if running {
			err = errors.Join(err, s.close())
		}
	}()
	one := &subject{session: f.session(s.http, size)}
	if err := one.populate(ctx, 1); err != nil {
		fmt.Fprintf(e.out, "%s is skipped: %v\n", cratonName(f, backend), err)
		return false, nil
	}
	s.proc.Stop(patience)
	few, fewTurn, err := e.startAndTurn(ctx, s, one)
	if running = err == nil; err != nil {
		return false, err
	}
	s.proc.Stop(patience)
	running = false
	from := time.Now()
	if err := e.fill(ctx, s); err != nil {
		return false, err
	}
	filled := time.Since(from)
	many, manyTurn, err := e.startAndTurn(ctx, s, one)
	if running = err == nil; err != nil {
		return false, err
	}
	if err := e.list(ctx, s); err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(e.out, "%-36s %10s to %8s %20s to %8s %14s   (%s to write them)\n", cratonName(f, backend), inMS(few), inMS(many),
		inMS(fewTurn), inMS(manyTurn), fmt.Sprintf("%.2f×", float64(manyTurn)/float64(fewTurn)), filled.Round(time.Second))
	return true, err
}

// startAndTurn starts the server and returns how long that and a turn took. It
// leaves the server running.
func (e *env) startAndTurn(ctx context.Context, s *server, one *subject) (ready, turn time.Duration, err error) {
	if ready, err = s.start(ctx); err != nil {
		return 0, 0, err
	}
	turn, err = e.turnsOf(ctx, one)
	if err != nil {
		s.proc.Stop(patience)
	}
	return ready, turn, err
}

// turnsOf is the median turn of new sessions.
func (e *env) turnsOf(ctx context.Context, s *subject) (time.Duration, error) {
	var all []time.Duration
	for range e.turns {
		took, err := youngTurn(ctx, s)
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	return quantile(all, 50), nil
}

// youngTurn is the second turn of a new session.
func youngTurn(ctx context.Context, s *subject) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	next, err := s.session(ctx)
	if err == nil {
		_, err = next(ctx, 1)
	}
	if err != nil {
		return 0, err
	}
	return timed(ctx, next)
}

// timed is how long a turn takes.
func timed(ctx context.Context, next turn) (time.Duration, error) {
	from := time.Now()
	_, err := next(ctx, turnSteps)
	return time.Since(from), err
}

// fill copies the session with the shortest journal of a stopped server's
// store until there are as many as wanted.
func (e *env) fill(ctx context.Context, s *server) (err error) {
	store, err := s.store(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var entry session.Entry
	err = store.EverySession(ctx, func(tenant, id string) error {
		found, err := store.Describe(ctx, tenant, id)
		if err == nil && (entry.Seq == 0 || found.Seq < entry.Seq) {
			entry = found
		}
		return err
	})
	if err != nil {
		return err
	}
	if entry.Seq == 0 {
		return errors.New("the server stored no session")
	}
	events, err := store.Read(ctx, entry.Tenant, entry.ID, 0, session.MaxEvents)
	if err != nil {
		return err
	}
	journal, err := journalWith(store, &inOrder{})
	if err != nil {
		return err
	}
	return spread(e.stored, writersAtOnce, func(i int) error { return duplicate(ctx, journal, entry, events, i) })
}

// inOrder is a source of ids that grow, with keys that do not. With random ids
// each copy falls on other pages of every index, and most of what is measured
// while filling is how a disk takes scattered writes.
type inOrder struct{ n atomic.Uint64 }

// Read fills what a session is begun with: its id's bytes and its key.
func (r *inOrder) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	if err == nil && len(p) >= 12 {
		binary.BigEndian.PutUint64(p[2:], r.n.Add(1))
		p[0], p[1] = 0, 0
	}
	return n, err
}

// duplicate writes a copy of a session. Labels are unique, so each copy has its
// own, and events name what they belong to by ids that hold the session's.
func duplicate(ctx context.Context, journal *session.Journal, of session.Entry, events []session.Event, i int) error {
	head, err := journal.Begin(of.Tenant, of.Kind)
	if err != nil {
		return err
	}
	name := func(id string) []byte { return []byte(strings.TrimPrefix(id, "ses_")) }
	drafts := make([]session.Draft, len(events))
	for n, event := range events {
		drafts[n] = session.Draft{Type: event.Type, Version: event.Version, Payload: bytes.ReplaceAll(event.Payload, name(of.ID), name(head.ID))}
		if event.Label != "" {
			drafts[n].Label = fmt.Sprintf("%s-%09d", event.Label, i)
		}
	}
	facts := session.Facts{Status: of.Status, Metadata: map[string]string{groupKey: groupOf(i)}}
	maps.Copy(facts.Metadata, of.Metadata)
	_, err = journal.Apply(ctx, head, session.Change{Drafts: drafts, Facts: &facts})
	return err
}

// groupKey is a metadata key by which a few of the copies are found.
const groupKey = "group"

// groupOf is the group of the i-th copy: ten have one.
func groupOf(i int) string { return strconv.Itoa(i / 10) }

// listings are questions for pages of sessions.
var listings = []struct{ name, path string }{
	{"newest", sessionsPath + "?limit=20"},
	{"of ten by metadata", sessionsPath + "?limit=20&metadata%5B" + groupKey + "%5D=7"},
	{"of none by metadata", sessionsPath + "?limit=20&metadata%5B" + groupKey + "%5D=none"},
	{"of none by agent", sessionsPath + "?limit=20&agent_id=none"},
	{"all, administrator", "/admin/v1/sessions?limit=20"},
	{"of none by status, administrator", "/admin/v1/sessions?limit=20&status=failed"},
}

// list prints how long pages of sessions take, the median of some.
func (e *env) list(ctx context.Context, s *server) error {
	for _, l := range listings {
		var all []time.Duration
		for range 5 {
			from := time.Now()
			if err := s.http.call(ctx, "GET", l.path, nil, nil); err != nil {
				return fmt.Errorf("list %s: %w", l.name, err)
			}
			all = append(all, time.Since(from))
		}
		if _, err := fmt.Fprintf(e.out, "  sessions listed, %-34s %10s\n", l.name, inMS(quantile(all, 50))); err != nil {
			return err
		}
	}
	return nil
}
