package async

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// DefaultRetention is how long an ended job is kept where nothing else is said.
const DefaultRetention = 30 * 24 * time.Hour

// Sweep forgets a tenant's jobs that ended before a time, their client tokens,
// and tokens as old whose job was never stored. It returns how many jobs those
// were. Their output stays: it is the tenant's. The caller runs it now and
// then; several replicas may.
func (r *Runner) Sweep(ctx context.Context, tenant string, before time.Time) (int, error) {
	swept := 0
	query := document.Query{Tenant: tenant, Kind: jobKind}
	for {
		docs, err := r.cfg.Documents.List(ctx, query)
		if err != nil {
			return swept, err
		}
		for _, doc := range docs {
			query.After = doc.ID
			if !doc.CreatedAt.Before(before) { // ids sort by submission
				return swept, r.sweepTokens(ctx, tenant, before)
			}
			forgotten, err := r.forget(ctx, doc, before)
			if err != nil {
				return swept, err
			}
			if forgotten {
				swept++
			}
		}
		if len(docs) < 1000 {
			return swept, r.sweepTokens(ctx, tenant, before)
		}
	}
}

// forget removes a job that ended before a time, its token first, so
// that none outlives its job.
func (r *Runner) forget(ctx context.Context, doc document.Document, before time.Time) (bool, error) {
	var job Job
	if err := json.Unmarshal(doc.Body, &job); err != nil {
		return false, err
	}
	if job.Status == InProgress || !job.Ended.Before(before) {
		return false, nil
	}
	if job.Token != "" {
		if err := orTaken(r.cfg.Documents.Delete(ctx, job.Tenant, tokenKind, job.Token, document.Any)); err != nil {
			return false, err
		}
	}
	return true, orTaken(r.cfg.Documents.Delete(ctx, job.Tenant, jobKind, job.ID, doc.Version))
}

// sweepTokens removes old claims of tokens whose server stopped before the job
// was stored.
func (r *Runner) sweepTokens(ctx context.Context, tenant string, before time.Time) error {
	query := document.Query{Tenant: tenant, Kind: tokenKind}
	for {
		docs, err := r.cfg.Documents.List(ctx, query)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			query.After = doc.ID
			if !doc.UpdatedAt.Before(before) {
				continue
			}
			_, err := r.Get(ctx, tenant, string(doc.Body))
			if err == nil {
				continue
			}
			if model.AsError(err).Kind != model.NotFound {
				return err
			}
			if err := orTaken(r.cfg.Documents.Delete(ctx, tenant, tokenKind, doc.ID, doc.Version)); err != nil {
				return err
			}
		}
		if len(docs) < 1000 {
			return nil
		}
	}
}
