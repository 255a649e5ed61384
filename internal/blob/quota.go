package blob

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// QuotaExceeded is the code of the error for what goes beyond [Config.Quota].
const QuotaExceeded = "QuotaExceeded"

// tallyKind is the one document in which a tenant's bytes are counted.
const (
	tallyKind = "blob.tally"
	tallyID   = "bytes"
)

type tally struct {
	Bytes int64 `json:"bytes"`
}

// book is how this process counts one tenant's bytes.
type book struct {
	// moving is held for reading while bytes are counted and not noted, or the
	// other way round, and for writing while they are added up.
	moving sync.RWMutex
	// counted says that this process has added them up itself.
	counted atomic.Bool
}

func (s *Space) book(tenant string) *book {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books[tenant]
	if b == nil {
		b = &book{}
		s.books[tenant] = b
	}
	return b
}

// move begins a change of a tenant's count and of its objects, and returns what
// ends it. In between no count of this process believes either. Moves of one
// caller do not nest.
func (s *Space) move(tenant string) (done func()) {
	if s.cfg.Quota <= 0 {
		return func() {}
	}
	b := s.book(tenant)
	b.moving.RLock()
	return b.moving.RUnlock
}

func (s *Space) overQuota() error {
	return &model.Error{Kind: model.Forbidden, Code: QuotaExceeded, Message: "Your object space is full: this would go beyond its quota.",
		Hint: "Delete objects or abort unfinished uploads, or ask the operator for more room (limits.tenant_object_bytes)."}
}

// room is how many bytes a tenant may still write.
func (s *Space) room(ctx context.Context, tenant string) (int64, error) {
	if s.cfg.Quota <= 0 {
		return 0, nil
	}
	if !s.book(tenant).counted.Load() {
		// The quota may have been off until now.
		if _, err := s.Count(ctx, tenant); err != nil {
			return 0, err
		}
	}
	t, _, err := s.stored(ctx, tenant)
	if err == nil && t.Bytes >= s.cfg.Quota {
		err = s.overQuota()
	}
	return s.cfg.Quota - t.Bytes, err
}

// within stops a reader beyond the room, so that a body without a length does
// not fill the disk before it is refused.
func (s *Space) within(r io.Reader, room int64) io.Reader {
	if s.cfg.Quota <= 0 {
		return r
	}
	return &bounded{r, room, s.overQuota}
}

// bounded is a reader that fails beyond left bytes.
type bounded struct {
	io.Reader
	left   int64
	beyond func() error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.beyond()
	}
	return n, err
}

// stored reads a tenant's count and its version.
func (s *Space) stored(ctx context.Context, tenant string) (t tally, version int64, err error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, tallyKind, tallyID)
	if errors.Is(err, document.ErrNotFound) {
		return t, 0, nil
	}
	if err != nil {
		return t, 0, err
	}
	return t, doc.Version, json.Unmarshal(doc.Body, &t)
}

func (s *Space) store(ctx context.Context, tenant string, t tally, version int64) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	now := s.cfg.Now()
	_, err = s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: tallyKind, ID: tallyID, Version: version, Body: body, CreatedAt: now, UpdatedAt: now})
	return err
}

// charge adds bytes to a tenant's count, or refuses what goes beyond the quota.
// It is part of a [Space.move].
func (s *Space) charge(ctx context.Context, tenant string, n int64) error {
	if s.cfg.Quota <= 0 || n == 0 {
		return nil
	}
	for {
		t, version, err := s.stored(ctx, tenant)
		if err != nil {
			return err
		}
		if t.Bytes += n; n > 0 && t.Bytes > s.cfg.Quota {
			return s.overQuota()
		}
		t.Bytes = max(t.Bytes, 0)
		if err := s.store(ctx, tenant, t, version); !errors.Is(err, document.ErrConflict) {
			return err
		}
	}
}

// refund takes the bytes of pieces that were given up off a tenant's count.
func (s *Space) refund(ctx context.Context, tenant string, pieces []Piece) error {
	var n int64
	for _, p := range pieces {
		n += p.Size
	}
	return s.charge(context.WithoutCancel(ctx), tenant, -n)
}

// recounts is how often a count starts over when the tenant writes meanwhile.
const recounts = 5

// Count adds up a tenant's objects and parts, corrects the stored count where a
// crash made it differ, and returns it. Under constant writing it leaves the
// stored count as it is, and what another process is writing it may miss until
// the next count. Without a quota there is none to correct.
func (s *Space) Count(ctx context.Context, tenant string) (int64, error) {
	b := s.book(tenant)
	b.moving.Lock()
	defer b.moving.Unlock()
	for range recounts {
		_, version, err := s.stored(ctx, tenant)
		if err != nil {
			return 0, err
		}
		n, err := s.sum(ctx, tenant)
		if err != nil || s.cfg.Quota <= 0 {
			return n, err
		}
		err = s.store(ctx, tenant, tally{n}, version)
		if errors.Is(err, document.ErrConflict) {
			continue
		}
		if err != nil {
			return 0, err
		}
		b.counted.Store(true)
		return n, nil
	}
	t, _, err := s.stored(ctx, tenant)
	return t.Bytes, err
}

// sum adds up what a tenant's objects and parts hold.
func (s *Space) sum(ctx context.Context, tenant string) (int64, error) {
	var total int64
	for _, kind := range []string{objectKind, partKind} {
		query := document.Query{Tenant: tenant, Kind: kind}
		for {
			docs, err := s.cfg.Documents.List(ctx, query)
			if err != nil {
				return 0, err
			}
			for _, doc := range docs {
				var held struct {
					Size int64 `json:"size"`
				}
				if err := json.Unmarshal(doc.Body, &held); err != nil {
					return 0, err
				}
				total += held.Size
				query.After = doc.ID
			}
			if len(docs) < 1000 {
				break
			}
		}
	}
	return total, nil
}
