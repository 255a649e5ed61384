package blob

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Upload is a multipart upload that was neither completed nor aborted.
type Upload struct {
	ID, Key string
	Begun   time.Time
}

// Uploads lists a bucket's unfinished uploads by key, then id.
func (s *Space) Uploads(ctx context.Context, tenant, bucket string) ([]Upload, error) {
	if err := s.HeadBucket(ctx, tenant, bucket); err != nil {
		return nil, err
	}
	list, err := s.unfinished(ctx, tenant, bucket)
	slices.SortFunc(list, func(a, b Upload) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// unfinished lists the uploads of a bucket that may be gone.
func (s *Space) unfinished(ctx context.Context, tenant, bucket string) ([]Upload, error) {
	var list []Upload
	query := document.Query{Tenant: tenant, Kind: uploadKind}
	for {
		docs, err := s.cfg.Documents.List(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			query.After = doc.ID
			var u upload
			if err := json.Unmarshal(doc.Body, &u); err != nil {
				return nil, err
			}
			if u.Bucket == bucket && !u.Ended {
				list = append(list, Upload{ID: doc.ID, Key: u.Key, Begun: doc.CreatedAt})
			}
		}
		if len(docs) < 1000 {
			return list, nil
		}
	}
}

// dropUploads gives up the uploads of a bucket that was removed: one that was
// made anew by the same name has nothing of it.
func (s *Space) dropUploads(ctx context.Context, tenant, bucket string) error {
	list, err := s.unfinished(ctx, tenant, bucket)
	if err != nil {
		return err
	}
	for _, u := range list {
		if err := s.AbortUpload(ctx, tenant, bucket, u.Key, u.ID); err != nil && model.AsError(err).Kind != model.NotFound {
			return err
		}
	}
	return nil
}
