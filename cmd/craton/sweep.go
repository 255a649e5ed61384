package main

import (
	"context"
	"errors"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/identity"
)

// sweepEvery is how often what is kept no longer is removed, firstSweep how long
// after the start for the first time: a server that is often restarted sweeps too.
const (
	sweepEvery = time.Hour
	firstSweep = 5 * time.Minute
)

// expireEvery is how often streams that expired are removed: what models said does
// not stay much longer than it is kept.
const expireEvery = 5 * time.Minute

// sweepPage is how many unused payloads of sessions are removed at a time.
const sweepPage = 10_000

// expire removes expired streams from time to time, until ctx ends. It is apart
// from what else is due, which may not wait until very many are removed.
func (svc *service) expire(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		svc.whole("streams", func() { svc.expireOnce(ctx) })
	}
}

func (svc *service) expireOnce(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, expireEvery) // the next time goes on
	defer cancel()
	if _, err := svc.state.db.Expire(bounded); err != nil && ctx.Err() == nil {
		svc.log.Warn("streams that expired were not all removed; it is tried again", "err", err)
	}
}

// sweepObjects removes the content of objects that were removed.
func (svc *service) sweepObjects(ctx context.Context) {
	if _, err := svc.state.objects.Sweep(ctx, time.Now().Add(-blob.Grace)); err != nil {
		svc.log.Warn("the content of removed objects was not all removed; it is tried again", "err", err)
	}
}

// sweepAll is sweep, whose failures are logged.
func (svc *service) sweepAll(ctx context.Context) {
	if err := svc.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
		svc.log.Warn("what is kept no longer was not all removed; it is tried again", "err", err)
	}
}

// sweepSessions removes all payloads that no event has, and nodes that are gone.
func (svc *service) sweepSessions(ctx context.Context) error {
	for {
		swept, err := svc.state.db.Sweep(ctx, sweepPage)
		if err != nil || swept.Payloads < sweepPage {
			return err
		}
	}
}

// sweep removes what is kept no longer, of every tenant, and counts object
// bytes again. What fails for one tenant does not stop the others' sweep.
func (svc *service) sweep(ctx context.Context, now time.Time) error {
	_, err := svc.state.objects.SweepUnfinished(ctx, now.Add(-blob.Unfinished))
	err = errors.Join(err, svc.sweepSessions(ctx))
	filter := identity.TenantFilter{}
	for {
		tenants, lerr := svc.state.db.Tenants(ctx, filter)
		if err = errors.Join(err, lerr); len(tenants) == 0 {
			return err
		}
		for _, t := range tenants {
			filter.After = t.ID
			err = errors.Join(err, svc.sweepTenant(ctx, t.ID, now))
		}
	}
}

func (svc *service) sweepTenant(ctx context.Context, tenant string, now time.Time) error {
	var errs []error
	if keep := keeping(svc.cfg.Retention.AsyncInvocations, async.DefaultRetention); keep > 0 {
		_, err := svc.async.Sweep(ctx, tenant, now.Add(-keep))
		errs = append(errs, err)
	}
	if keep := keeping(svc.cfg.Retention.Uploads, blob.DefaultUploadAge); keep > 0 {
		_, err := svc.state.objects.SweepUploads(ctx, tenant, now.Add(-keep))
		errs = append(errs, err)
	}
	if svc.cfg.Limits.TenantObjectBytes > 0 {
		_, err := svc.state.objects.Count(ctx, tenant)
		errs = append(errs, err)
	}
	_, err := svc.state.environments.ForgetRequests(ctx, tenant)
	errs = append(errs, err)
	_, err = svc.state.files.Sweep(ctx, tenant)
	errs = append(errs, err)
	return errors.Join(errs...)
}

// keeping is how long something is kept; 0 for ever.
func keeping(d *config.Duration, fallback time.Duration) time.Duration {
	if d == nil {
		return fallback
	}
	return time.Duration(*d)
}
