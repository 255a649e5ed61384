package file

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
)

// settled is the age from which a content that no record names is taken for
// one that a crash left behind.
const settled = time.Hour

// Sweep removes a tenant's files whose time is over and contents that nobody
// names, counts what is left against the quota, and returns how many it removed.
// The caller runs it now and then; several replicas may.
func (s *Store) Sweep(ctx context.Context, tenant string) (int, error) {
	removed, err := s.expire(ctx, tenant)
	if err != nil {
		return removed, err
	}
	lost, err := s.clear(ctx, tenant)
	if removed += lost; err != nil {
		return removed, err
	}
	_, err = s.cfg.Space.Count(ctx, area(tenant))
	return removed, err
}

// expire removes files whose time is over.
func (s *Store) expire(ctx context.Context, tenant string) (removed int, err error) {
	query := collection.Query{Ascending: true, Limit: read}
	for {
		records, more, err := s.files.List(ctx, tenant, query)
		if err != nil {
			return removed, err
		}
		for _, r := range records {
			query.After = r.ID
			if !s.over(r) {
				continue
			}
			if err := s.files.Delete(ctx, tenant, r.ID); err != nil && model.AsError(err).Kind != model.NotFound {
				return removed, err
			}
			if err := s.cfg.Space.Delete(ctx, area(tenant), bucket, r.ID); err != nil {
				return removed, err
			}
			removed++
		}
		if !more {
			return removed, nil
		}
	}
}

// clear removes contents that no record names and that are not being named just
// now.
func (s *Store) clear(ctx context.Context, tenant string) (removed int, err error) {
	query := blob.Query{}
	for {
		page, err := s.cfg.Space.List(ctx, area(tenant), bucket, query)
		if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
			return removed, nil // this tenant never had a file
		}
		if err != nil {
			return removed, err
		}
		for _, o := range page.Objects {
			if s.cfg.Now().Sub(o.Modified) < settled {
				continue
			}
			_, err := s.files.Get(ctx, tenant, o.Key)
			if err == nil {
				continue
			}
			if model.AsError(err).Kind == model.NotFound {
				err = s.cfg.Space.Delete(ctx, area(tenant), bucket, o.Key)
			}
			if err != nil {
				return removed, err
			}
			removed++
		}
		if page.Next == "" {
			return removed, nil
		}
		query.After = page.Next
	}
}
