package session

import (
	"context"
	"time"
)

// MaxTakeovers is the takeover without progress that quarantines a session
// instead of starting work: what kills its owners would kill the next one too.
const MaxTakeovers = 5

// MaxDue is the greatest number of leases one [Leaser.Due] grants.
const MaxDue = 1000

// Node is a process that drives sessions.
type Node struct {
	// ID names one run of the process; it is never used again after a restart.
	ID string
	// TTL is how long a lease lasts unless it is renewed, and how long an
	// advertisement counts. At least a millisecond.
	TTL time.Duration
	// Reads says for each kind of session that the node drives the greatest
	// event version it can read. Sessions of other kinds, and those that hold
	// a later version, are not for it.
	Reads map[string]int
}

// Lease is the right to drive one session.
type Lease struct {
	// Head is the journal at the moment of the claim. Its Epoch is the lease's
	// fencing token: append with it.
	Head Session
	// Node is the owner's [Node.ID].
	Node string
	// Until is when the lease ends by the database's clock. An owner measures
	// its deadline on its own monotonic clock, from before it asked, and the
	// TTL it asked for: the two clocks are never compared.
	Until time.Time
	// Takeovers counts the owners in a row, before this one, whose lease ran
	// out without an append marked [Batch.Progress]. Less than [MaxTakeovers].
	Takeovers int
	// Wake is the timer that was set, in the past or to come; zero for none.
	Wake time.Time
}

// Leaser gives each session at most one owner, by the database's clock. It is
// implemented by every [Store], is safe for concurrent use by many processes,
// and joins the suite in sessiontest.
//
// Every claim raises the session's epoch in the transaction that grants it, so
// that whatever an earlier owner still appends is refused with [ErrFenced],
// whether its lease ran out or was released.
//
// A session is due when its timer ([Batch.Wake]) has come and nobody holds it,
// or when a lease ran out without being released. Due work is found by asking:
// no notification is needed.
type Leaser interface {
	// Claim takes one session whether it is due or not. Claiming again what the
	// node holds already is granted with a new epoch.
	//
	// Errors: [ErrLeased] if another node holds it; [ErrQuarantined] if it is
	// quarantined, or is quarantined by this claim for being the fifth takeover
	// without progress; [ErrNewer] if the node cannot read it; [ErrNotFound],
	// [ErrErased]; [ErrInvalid] for a malformed node.
	Claim(ctx context.Context, node Node, tenant, session string) (Lease, error)
	// Due claims up to limit (at most [MaxDue]) sessions of any tenant that are
	// due and that the node can read, longest due first. It does not wait for
	// sessions that another node is claiming at the moment. Those whose
	// takeover would be the fifth without progress are quarantined and not
	// returned, so that fewer than limit, even none, do not mean that no more
	// is due. With an error, those that are returned were claimed all the same.
	Due(ctx context.Context, node Node, limit int) ([]Lease, error)
	// Renew makes the leases last for ttl from now and returns those that are
	// still held, with their new Until. One that ran out but was claimed by
	// nobody is still held. A lease that is missing from the answer is lost:
	// its owner stops. With an error, those that are returned were renewed, and
	// of the others nothing is known.
	Renew(ctx context.Context, ttl time.Duration, leases ...Lease) ([]Lease, error)
	// Release gives a lease up: an orderly end, after which the session is due
	// when its timer says and no takeover is counted. A reason, if not empty,
	// quarantines the session. Releasing a lost lease is [ErrFenced].
	Release(ctx context.Context, lease Lease, quarantine string) error
	// Advertise says that the node is alive for its TTL, and returns for each
	// kind that it drives the greatest event version that every live node
	// which drives the kind can read: what may be written now. A node that
	// stops advertises once more with a TTL of a millisecond.
	Advertise(ctx context.Context, node Node) (map[string]int, error)
}

// Check says what is wrong with the node, or nil. Stores call it first.
func (n Node) Check() error {
	switch {
	case n.ID == "" || len(n.ID) > MaxLabel || !plain(n.ID):
		return Fault(ErrInvalid, "node", "A node needs an id of at most %d bytes of UTF-8 without NUL.", MaxLabel)
	case n.TTL < time.Millisecond:
		return Fault(ErrInvalid, n.ID, "A lease of %s is too short: the least is 1ms.", n.TTL)
	case len(n.Reads) == 0:
		return Fault(ErrInvalid, n.ID, "A node needs a kind of session that it drives.")
	}
	for kind := range n.Reads {
		if kind == "" || !plain(kind) {
			return Fault(ErrInvalid, n.ID, "Kinds are UTF-8 without NUL, and not empty.")
		}
	}
	return nil
}

// AtOnce is the moment to set as [Batch.Wake] for what should happen at once: it
// is in the past on every clock.
var AtOnce = time.UnixMicro(1).UTC()

// Hinter says when it may be worth asking [Leaser.Due] before the next poll.
// It is optional, and a hint only: some come for nothing, and any may be lost.
// Every [Store] implements it for what happens in its own process; the
// databases that can tell others do.
type Hinter interface {
	// Hints is the store's one channel of hints, for one receiver. It holds
	// one hint; more are the same. It is never closed.
	Hints() <-chan struct{}
}
