// Package usage defines what is written down about every request that reached
// a model, and how spending is bounded.
//
// It is for the metering guard, which writes records and leases budget, and
// for reports, which read them.
//
// It guarantees that a record is kept once however often it is sent (its ID
// decides), that records are durable when [Store.AppendBatch] returns, and
// that the sum of what all replicas lease from one budget never passes the
// budget: a replica spends only from slices it leased before calling an
// upstream. A replica that dies keeps its slices, which count as spent; so the
// error after a crash is at most the slices it held, on the safe side.
// Spending can pass a budget only by what a request cost beyond its own
// reservation.
//
// Example:
//
//	grant, err := store.Lease(ctx, usage.LeaseRequest{
//		ID: id, Scope: usage.KeyScope(tenant, key), Period: usage.Day(now),
//		Limit: daily, Want: slice, At: now,
//	})
//	if grant.Granted == 0 {
//		return errBudgetSpent
//	}
//	…
//	err = store.Settle(ctx, usage.Settlement{Scope: scope, LeaseID: id, Spent: cost})
package usage

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Tokens counts tokens by kind. Kinds do not overlap: a cached token is not in
// Input, a reasoning token is not in Output.
type Tokens struct {
	// Input is prompt tokens neither read from nor written to a cache.
	Input int64
	// CachedRead is prompt tokens read from the upstream's cache.
	CachedRead int64
	// CacheWrite5m and CacheWrite1h are prompt tokens written to the upstream's
	// cache, by the time they were asked to live.
	CacheWrite5m, CacheWrite1h int64
	// Output is generated tokens other than reasoning and audio.
	Output int64
	// Reasoning is generated tokens of hidden or shown reasoning.
	Reasoning int64
	// AudioInput and AudioOutput are audio tokens.
	AudioInput, AudioOutput int64
}

// Total is the sum of all kinds.
func (t Tokens) Total() int64 {
	return t.Input + t.CachedRead + t.CacheWrite5m + t.CacheWrite1h +
		t.Output + t.Reasoning + t.AudioInput + t.AudioOutput
}

// Record is what one request used.
type Record struct {
	// ID makes the record unique; sending it again, with the same time, changes nothing.
	ID string
	// At is when the request was admitted, kept to the microsecond, UTC.
	At time.Time
	// Tenant and KeyID are who asked.
	Tenant, KeyID string
	// Model is the name the caller used after aliases, Upstream who served it.
	Model, Upstream string
	// Dialect is the contract the request came by ("openai-chat", …).
	Dialect string
	// RequestID is the id in the response's headers and the logs.
	RequestID string
	// Tags are the key's tags and those of the request.
	Tags map[string]string
	// Tokens is what was used.
	Tokens Tokens
	// CostNanoUSD is the price of it, in 1e-9 USD.
	CostNanoUSD int64
	// LatencyMs is from admission to the last byte; TTFTMs to the first token,
	// 0 where nothing was streamed.
	LatencyMs, TTFTMs int64
	// Status is the HTTP status the caller saw; 499 if the caller went away.
	Status int
	// Estimated is true where the upstream did not say what it used.
	Estimated bool
	// Attempts counts calls to upstreams, from 1; 0 if none was made.
	Attempts int
}

// Filter selects records. Tenant is required; empty fields do not restrict.
type Filter struct {
	Tenant string
	KeyID  string
	Model  string
	// Tag and TagValue select records whose tag Tag has that value.
	Tag, TagValue string
	// From is inclusive, To exclusive.
	From, To time.Time
}

// Dimension is something records are grouped by.
type Dimension string

// The dimensions. [TagDimension] makes one of a tag.
const (
	ByKey      Dimension = "key"
	ByModel    Dimension = "model"
	ByUpstream Dimension = "upstream"
	ByDialect  Dimension = "dialect"
	// ByDay groups by UTC day, written 2006-01-02.
	ByDay Dimension = "day"
)

// TagDimension groups by the value of a tag; records without it fall under "".
func TagDimension(name string) Dimension { return Dimension("tag:" + name) }

// Aggregate asks for sums.
type Aggregate struct {
	Filter
	// By lists the dimensions, at most 3; none sums everything into one row.
	By []Dimension
}

// Row is one group of an aggregate.
type Row struct {
	// Group holds one value for each dimension asked for, in that order.
	Group []string
	// Requests counts records, Errors those with Status >= 400, Estimated
	// those whose usage was estimated.
	Requests, Errors, Estimated int64
	// Tokens, CostNanoUSD and LatencyMs are sums.
	Tokens      Tokens
	CostNanoUSD int64
	LatencyMs   int64
}

// Store keeps records and budgets. Implementations are safe for concurrent use
// and join the suite in usagetest.
type Store interface {
	// AppendBatch keeps the records, all or none, and returns once they are
	// durable. Records whose ID is known are skipped.
	AppendBatch(ctx context.Context, records []Record) error
	// Records returns up to limit records (0 means 1000, the maximum), newest
	// first. Before is the cursor: the ID of the last record of the page
	// before, or "".
	Records(ctx context.Context, filter Filter, before string, limit int) ([]Record, error)
	// Sum returns one row for each group, ordered by group.
	Sum(ctx context.Context, query Aggregate) ([]Row, error)
	// Lease takes a slice of a budget for the caller to spend from.
	Lease(ctx context.Context, request LeaseRequest) (Grant, error)
	// Settle says what of a lease was spent and gives the rest back. A lease
	// that is unknown or settled already is no error and changes nothing.
	Settle(ctx context.Context, settlement Settlement) error
}

// Clean returns the record as stores keep it: text that came from outside
// freed of what databases refuse (invalid UTF-8 and NUL), the time in UTC to
// the microsecond. It answers [ErrInvalid] without an id, a tenant or a time.
func (r Record) Clean() (Record, error) {
	if r.ID == "" || r.Tenant == "" || r.At.IsZero() {
		return r, Fault(ErrInvalid, "record", "A usage record needs an id, a tenant and a time.")
	}
	r.At = r.At.UTC().Truncate(time.Microsecond)
	for _, text := range []*string{&r.KeyID, &r.Model, &r.Upstream, &r.Dialect, &r.RequestID} {
		*text = cleanText(*text)
	}
	r.Tags = cleanTags(r.Tags)
	return r, nil
}

// cleanTags copies the tags only where one has to be changed; none are nil.
func cleanTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	dirty := false
	for name, value := range tags {
		dirty = dirty || cleanText(name) != name || cleanText(value) != value
	}
	if !dirty {
		return tags
	}
	clean := make(map[string]string, len(tags))
	for name, value := range tags {
		clean[cleanText(name)] = cleanText(value)
	}
	return clean
}

func cleanText(s string) string {
	if utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// Check says what is wrong with the query, or nil. Stores call it first.
func (a Aggregate) Check() error {
	if a.Tenant == "" {
		return Fault(ErrInvalid, "tenant", "A sum needs a tenant.")
	}
	if len(a.By) > 3 {
		return Fault(ErrInvalid, "by", "Records are grouped by at most 3 dimensions, not %d.", len(a.By))
	}
	for _, d := range a.By {
		if _, tag := d.Tag(); tag {
			continue
		}
		switch d {
		case ByKey, ByModel, ByUpstream, ByDialect, ByDay:
		default:
			return Fault(ErrInvalid, "by", "There is no dimension %q; there are key, model, upstream, dialect, day and tag:NAME.", d)
		}
	}
	return nil
}

// Tag returns the tag a dimension groups by, and whether it is one of
// [TagDimension].
func (d Dimension) Tag() (string, bool) { return strings.CutPrefix(string(d), "tag:") }
