package edge

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// A credential that nobody knows costs a read of the store. An address may bring
// strikeBurst that do not work at once, and one in each strikeEvery after that.
const (
	strikeBurst = 60
	strikeEvery = time.Second
	// strikeAddresses bounds the addresses that are remembered.
	strikeAddresses = 4096
)

// strikes counts by address the credentials that did not work. Only those that
// are not known already are refused for it: whoever shares the address and has a
// key in use goes on.
type strikes struct {
	now func() time.Time
	// some says that there are any, so that requests in peace pass without a lock.
	some atomic.Bool
	mu   sync.Mutex
	// free is when all strikes of an address are forgotten, last the latest of those.
	free map[netip.Prefix]time.Time
	last time.Time
}

func newStrikes(now func() time.Time) *strikes {
	return &strikes{now: now, free: map[netip.Prefix]time.Time{}}
}

// neighbourhood is the address of a request, as wide as one customer has it.
func neighbourhood(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap()
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// allow refuses a request whose address has no strike left.
func (s *strikes) allow(r *http.Request) error {
	if !s.some.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.last.After(now) {
		clear(s.free)
		s.some.Store(false)
		return nil
	}
	free, struck := s.free[neighbourhood(r)]
	wait := free.Sub(now) - (strikeBurst-1)*strikeEvery
	if !struck || wait <= 0 {
		return nil
	}
	return &model.Error{Kind: model.RateLimited, Subject: "Authorization", RetryAfter: wait,
		Message: "Too many credentials that do not work came from your address.", Hint: "Check the key, and try again later."}
}

// judge notes a failed proof, and returns its error.
func (s *strikes) judge(r *http.Request, err error) error {
	if err != nil && model.AsError(err).Kind == model.Unauthenticated {
		s.strike(r)
	}
	return err
}

// strike notes that a request brought a credential that does not work.
func (s *strikes) strike(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, now := neighbourhood(r), s.now()
	if _, known := s.free[from]; !known {
		for old, free := range s.free { // the forgiven ones go, and others where there are too many
			if len(s.free) >= strikeAddresses || !free.After(now) {
				delete(s.free, old)
			}
		}
	}
	since := s.free[from]
	if since.Before(now) {
		since = now
	}
	s.free[from] = since.Add(strikeEvery)
	if s.free[from].After(s.last) {
		s.last = s.free[from]
	}
	s.some.Store(true)
}
