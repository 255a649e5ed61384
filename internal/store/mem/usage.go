package mem

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/usage"
)

type budgetName struct {
	scope  usage.Scope
	period usage.Period
}

type lease struct {
	budget  budgetName
	granted int64
}

// AppendBatch implements [usage.Store].
func (s *Store) AppendBatch(ctx context.Context, records []usage.Record) error {
	clean := make([]usage.Record, len(records))
	for i, r := range records {
		var err error
		if clean[i], err = r.Clean(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range clean {
		if _, known := s.records[r.ID]; !known {
			s.records[r.ID] = r
		}
	}
	return ctx.Err()
}

func matches(f usage.Filter, r usage.Record) bool {
	value, tagged := r.Tags[f.Tag]
	return r.Tenant == f.Tenant && (f.KeyID == "" || r.KeyID == f.KeyID) && (f.Model == "" || r.Model == f.Model) &&
		(f.Tag == "" || tagged && value == f.TagValue) &&
		(f.From.IsZero() || !r.At.Before(f.From)) && (f.To.IsZero() || r.At.Before(f.To))
}

// newest orders records newest first.
func newest(a, b usage.Record) int {
	return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
}

// Records implements [usage.Store].
func (s *Store) Records(ctx context.Context, f usage.Filter, before string, limit int) ([]usage.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	cursor, paged := s.records[before]
	var all []usage.Record
	for _, r := range s.records {
		if matches(f, r) && (!paged || newest(cursor, r) < 0) {
			r.Tags = maps.Clone(r.Tags)
			all = append(all, r)
		}
	}
	slices.SortFunc(all, newest)
	return pageOf(all, limit), ctx.Err()
}

// Sum implements [usage.Store].
func (s *Store) Sum(ctx context.Context, q usage.Aggregate) ([]usage.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	groups := make(map[string]*usage.Row)
	for _, r := range s.records {
		if !matches(q.Filter, r) {
			continue
		}
		group := make([]string, len(q.By))
		for i, d := range q.By {
			group[i] = valueOf(d, r)
		}
		name := strings.Join(group, "\x00")
		if groups[name] == nil {
			groups[name] = &usage.Row{Group: group}
		}
		add(groups[name], r)
	}
	var rows []usage.Row
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		rows = append(rows, *groups[name])
	}
	return rows, ctx.Err()
}

func valueOf(d usage.Dimension, r usage.Record) string {
	switch d {
	case usage.ByKey:
		return r.KeyID
	case usage.ByModel:
		return r.Model
	case usage.ByUpstream:
		return r.Upstream
	case usage.ByDialect:
		return r.Dialect
	case usage.ByDay:
		return string(usage.Day(r.At))
	}
	tag, _ := d.Tag()
	return r.Tags[tag]
}

func add(row *usage.Row, r usage.Record) {
	row.Requests++
	if r.Status >= 400 {
		row.Errors++
	}
	if r.Estimated {
		row.Estimated++
	}
	row.CostNanoUSD += r.CostNanoUSD
	row.LatencyMs += r.LatencyMs
	t := &row.Tokens
	t.Input += r.Tokens.Input
	t.CachedRead += r.Tokens.CachedRead
	t.CacheWrite5m += r.Tokens.CacheWrite5m
	t.CacheWrite1h += r.Tokens.CacheWrite1h
	t.Output += r.Tokens.Output
	t.Reasoning += r.Tokens.Reasoning
	t.AudioInput += r.Tokens.AudioInput
	t.AudioOutput += r.Tokens.AudioOutput
}

// Lease implements [usage.Store].
func (s *Store) Lease(ctx context.Context, r usage.LeaseRequest) (usage.Grant, error) {
	if err := r.Check(); err != nil {
		return usage.Grant{}, err
	}
	if err := ctx.Err(); err != nil {
		return usage.Grant{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := budgetName{r.Scope, r.Period}
	if l, known := s.leases[tenantName{r.Scope.Tenant, r.ID}]; known {
		committed := s.budgets[l.budget]
		return usage.Grant{Granted: l.granted, Remaining: max(r.Limit-committed, 0), Committed: committed}, nil
	}
	g := r.Decide(s.budgets[name])
	if g.Granted > 0 {
		s.budgets[name] = g.Committed
		s.leases[tenantName{r.Scope.Tenant, r.ID}] = lease{budget: name, granted: g.Granted}
	}
	return g, nil
}

// Settle implements [usage.Store].
func (s *Store) Settle(ctx context.Context, settled usage.Settlement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := tenantName{settled.Scope.Tenant, settled.LeaseID}
	l, ok := s.leases[id]
	if !ok || l.budget.scope != settled.Scope {
		return nil
	}
	delete(s.leases, id)
	s.budgets[l.budget] += settled.Spent - l.granted
	return ctx.Err()
}
