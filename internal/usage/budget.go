package usage

import "time"

// Scope is what a budget bounds: a tenant, or one key of it.
type Scope struct {
	Tenant string
	// KeyID is empty for the tenant's own budget.
	KeyID string
}

// TenantScope is the scope of a whole tenant.
func TenantScope(tenant string) Scope { return Scope{Tenant: tenant} }

// KeyScope is the scope of one key.
func KeyScope(tenant, keyID string) Scope { return Scope{Tenant: tenant, KeyID: keyID} }

// Period names the span of time a budget covers: "2006-01-02" or "2006-01",
// in UTC.
type Period string

// Day is the period of t's UTC day.
func Day(t time.Time) Period { return Period(t.UTC().Format("2006-01-02")) }

// Month is the period of t's UTC month.
func Month(t time.Time) Period { return Period(t.UTC().Format("2006-01")) }

// LeaseRequest asks for a slice of a budget.
type LeaseRequest struct {
	// ID is new for each lease. A request repeated with an ID that is still
	// unsettled answers the same grant.
	ID     string
	Scope  Scope
	Period Period
	// Limit is the budget in nano-USD, as configured now. It is not stored, so
	// a changed budget holds from the next lease on.
	Limit int64
	// Want is the slice wished for, in nano-USD, greater than 0.
	Want int64
	// Least is the smallest slice of use: where less is left, nothing is
	// granted. 0 means any.
	Least int64
	// At is now, kept for reports.
	At time.Time
}

// Grant is the answer to a [LeaseRequest].
type Grant struct {
	// Granted is what may be spent, in nano-USD: Want, or what was left, or 0.
	Granted int64
	// Remaining is what the budget still has after this grant, never negative.
	Remaining int64
	// Committed is what is spent or leased out in the period, this grant
	// included.
	Committed int64
}

// Settlement closes a lease.
type Settlement struct {
	Scope   Scope
	LeaseID string
	// Spent is what was used, in nano-USD. It may pass what was granted; the
	// excess is charged to the budget as well.
	Spent int64
}

// Check says what is wrong with the request, or nil. Stores call it first.
func (r LeaseRequest) Check() error {
	if r.ID == "" || r.Scope.Tenant == "" || r.Period == "" {
		return Fault(ErrInvalid, "lease", "A lease needs an id, a tenant and a period.")
	}
	if r.Limit < 0 || r.Want <= 0 || r.Least < 0 {
		return Fault(ErrInvalid, "lease", "A lease of %d (at least %d) from a budget of %d makes no sense.",
			r.Want, r.Least, r.Limit)
	}
	return nil
}

// Decide is the arithmetic of [Store.Lease], given what is committed already.
// It is pure, so that every store grants alike.
func (r LeaseRequest) Decide(committed int64) Grant {
	left := max(r.Limit-committed, 0)
	granted := min(r.Want, left)
	if granted < r.Least {
		granted = 0
	}
	return Grant{Granted: granted, Remaining: left - granted, Committed: committed + granted}
}
