// Package transfer checks a whole store and copies it to another: from one
// machine's SQLite to the PostgreSQL of many.
//
// It is for the command line.
//
// It guarantees that a check reads every event of every session, and that a
// copy is whole, and checked, or nothing.
//
// Example:
//
//	report, err := transfer.Check(ctx, store)
//	for _, fault := range report.Faults {
//		fmt.Println(fault)
//	}
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/session"
)

// Journals is what a check reads.
type Journals interface {
	session.Store
	// EverySession calls visit for every session of every tenant, those that
	// were erased too, until visit fails.
	EverySession(ctx context.Context, visit func(tenant, id string) error) error
}

// MaxFaults is how many faults a report names; more are only counted.
const MaxFaults = 100

// Report is what a check found.
type Report struct {
	// Sessions and Events were read; Erased of the events have no payload any
	// more, only their place in the chain.
	Sessions, Events, Erased int
	// Faulty is how many sessions do not verify; Faults says why, for the
	// first [MaxFaults].
	Faulty int
	Faults []error
}

// Check verifies the hash chain of every journal: that each event follows the
// one before, or the event of another session that it was forked from; that
// payloads match their digests; that labels find their events; and that the
// head is the last event. What does not verify is in the report; the error is
// about reading.
func Check(ctx context.Context, store Journals) (Report, error) {
	var report Report
	err := store.EverySession(ctx, func(tenant, id string) error {
		report.Sessions++
		err := report.verify(ctx, store, tenant, id)
		if err == nil || !errors.Is(err, session.ErrCorrupt) && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		if report.Faulty++; report.Faulty <= MaxFaults {
			report.Faults = append(report.Faults, fmt.Errorf("tenant %s, session %s: %w", tenant, id, err))
		}
		return nil
	})
	return report, err
}

// verify reads one session.
func (r *Report) verify(ctx context.Context, store Journals, tenant, id string) error {
	head, err := store.Head(ctx, tenant, id)
	if err != nil {
		return err
	}
	var prev session.Hash
	if p := head.Parent; p != (session.Ref{}) {
		above, err := store.Read(ctx, tenant, p.Session, p.Seq-1, 1)
		if err != nil {
			return err
		}
		if len(above) != 1 || above[0].Seq != p.Seq {
			return session.Fault(session.ErrCorrupt, id, "Event %d of session %s, which it continues, is missing.", p.Seq, p.Session)
		}
		prev = above[0].Hash
	}
	for seq := uint64(0); seq < head.Seq; {
		page, err := store.Read(ctx, tenant, id, seq, int(min(head.Seq-seq, session.MaxEvents)))
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].Seq != seq+1 {
			return session.Fault(session.ErrCorrupt, id, "Event %d is missing.", seq+1)
		}
		if err := session.Verify(prev, head.Key, page); err != nil {
			return err
		}
		for _, e := range page {
			if err := r.count(ctx, store, e); err != nil {
				return err
			}
		}
		last := page[len(page)-1]
		seq, prev = last.Seq, last.Hash
	}
	if prev != head.Head {
		return session.Fault(session.ErrCorrupt, id, "The head is not the hash of event %d.", head.Seq)
	}
	return nil
}

// count adds an event that verified, and looks up its label.
func (r *Report) count(ctx context.Context, store Journals, e session.Event) error {
	r.Events++
	if e.Erased {
		r.Erased++
	}
	if e.Label == "" {
		return nil
	}
	ref, err := store.Find(ctx, e.Tenant, e.Label)
	if err == nil && ref != (session.Ref{Session: e.Session, Seq: e.Seq}) {
		err = session.Fault(session.ErrCorrupt, e.Session, "The label %q of event %d names event %d of session %s.",
			e.Label, e.Seq, ref.Seq, ref.Session)
	}
	return err
}
