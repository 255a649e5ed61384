package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/session"
)

// TestSweep removes async invocations and unfinished uploads when their time
// is over, unless they are kept for ever, and holds objects to their quota.
func TestSweep(t *testing.T) {
	t.Parallel()
	never := config.Duration(0)
	for name, c := range map[string]struct {
		retention config.Retention
		kept      int
	}{
		"by default": {config.Retention{}, 0},
		"for ever":   {config.Retention{AsyncInvocations: &never, Uploads: &never}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc, first := testService(t, func(cfg *config.Config) { cfg.Retention, cfg.Limits.TenantObjectBytes = c.retention, 1000 })
			ctx, tenant, objects := t.Context(), first.Tenant.ID, svc.state.objects
			if err := objects.CreateBucket(ctx, tenant, "mine"); err != nil {
				t.Fatal(err)
			}
			if _, err := objects.Put(ctx, tenant, "mine", "k", strings.NewReader(strings.Repeat("x", 1001)), blob.Attributes{}, nil); err == nil {
				t.Error("the quota does not hold")
			}
			upload, err := objects.CreateUpload(ctx, tenant, "mine", "k", blob.Attributes{})
			if err != nil {
				t.Fatal(err)
			}
			job, err := svc.async.Start(ctx, async.Job{Tenant: tenant, KeyID: "gone", Token: "token", Model: "m", Input: []byte("{}"), Output: "s3://mine/x"})
			if err != nil {
				t.Fatal(err)
			}
			edgetest.Eventually(t, "the end of the invocation", func() bool {
				j, err := svc.async.Get(ctx, tenant, job.ID)
				return err == nil && j.Status != async.InProgress
			})
			left := func() (uploads, jobs int) {
				if _, err := objects.Parts(ctx, tenant, "mine", "k", upload); err == nil {
					uploads++
				}
				if _, err := svc.async.Get(ctx, tenant, job.ID); err == nil {
					jobs++
				}
				return uploads, jobs
			}
			for _, step := range []struct {
				after         time.Duration
				uploads, jobs int
			}{{24 * time.Hour, 1, 1}, {8 * 24 * time.Hour, c.kept, 1}, {31 * 24 * time.Hour, c.kept, c.kept}} {
				if err := svc.sweep(ctx, time.Now().Add(step.after)); err != nil {
					t.Fatal(err)
				}
				if uploads, jobs := left(); uploads != step.uploads || jobs != step.jobs {
					t.Errorf("after %s there are %d uploads and %d jobs, want %d and %d", step.after, uploads, jobs, step.uploads, step.jobs)
				}
			}
		})
	}
}

// swept is a database of which much is to be removed; it counts how often.
type swept struct {
	database
	expired, sweeps, left int
}

func (s *swept) Expire(context.Context) (int, error) {
	s.expired++
	return 0, errors.New("not this time")
}

func (s *swept) Sweep(_ context.Context, limit int) (session.Swept, error) {
	s.sweeps++
	gone := min(s.left, limit)
	s.left -= gone
	return session.Swept{Payloads: gone}, nil
}

// TestSweepOfMany removes all of what sessions do not need, and what expired
// every few minutes.
func TestSweepOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &swept{left: 2*sweepPage + 1}
		svc := &service{state: &state{db: db}, log: slog.New(slog.DiscardHandler)}
		if err := svc.sweepSessions(t.Context()); err != nil || db.left != 0 || db.sweeps != 3 {
			t.Errorf("%d are left after %d sweeps, %v", db.left, db.sweeps, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { svc.expire(ctx) })
		time.Sleep(3*expireEvery + time.Second) // of the bubble's clock
		cancel()
		group.Wait()
		if db.expired != 3 {
			t.Errorf("in the time of three, streams were removed %d times", db.expired)
		}
	})
}

// TestWhatIsDueMayBreakDown: it is logged, and the server lives.
func TestWhatIsDueMayBreakDown(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	svc := &service{log: slog.New(slog.NewTextHandler(&log, nil))}
	svc.whole("models", func() { panic("no listing today") })
	if said := log.String(); !strings.Contains(said, "what=models") || !strings.Contains(said, "no listing today") {
		t.Errorf("the log says %q", said)
	}
}
