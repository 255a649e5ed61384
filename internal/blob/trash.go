package blob

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
)

// Grace is how long content outlives its object, for those who are reading it.
const Grace = time.Hour

// discard gives up an object's content: it is removed by Sweep, once nobody
// can still be reading it.
func (s *Space) discard(ctx context.Context, pieces []Piece) error {
	refs := make([]string, len(pieces))
	for i, p := range pieces {
		refs[i] = p.Ref
	}
	body, err := json.Marshal(refs)
	if err != nil {
		return err
	}
	now := s.cfg.Now()
	_, err = s.cfg.Documents.Put(context.WithoutCancel(ctx), document.Document{Kind: trashKind, ID: trashID(now, refs[0]), Version: document.Any,
		Body: body, CreatedAt: now, UpdatedAt: now})
	return err
}

// trashID sorts by time.
func trashID(at time.Time, ref string) string { return fmt.Sprintf("%020d/%s", at.UnixNano(), ref) }

// Sweep removes content that was given up before a time, and returns how many
// objects' it was. The caller runs it now and then with a time Grace ago;
// several replicas may.
func (s *Space) Sweep(ctx context.Context, before time.Time) (int, error) {
	swept := 0
	for {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Kind: trashKind, Limit: 100})
		if err != nil {
			return swept, err
		}
		for _, doc := range docs {
			if doc.ID >= trashID(before, "") {
				return swept, nil
			}
			if err := s.sweep(ctx, doc); err != nil {
				return swept, err
			}
			swept++
		}
		if len(docs) < 100 {
			return swept, nil
		}
	}
}

func (s *Space) sweep(ctx context.Context, doc document.Document) error {
	var refs []string
	if err := json.Unmarshal(doc.Body, &refs); err != nil {
		return err
	}
	for _, ref := range refs {
		if err := s.cfg.Content.Remove(ctx, ref); err != nil {
			return err
		}
	}
	return orGone(s.cfg.Documents.Delete(ctx, "", trashKind, doc.ID, document.Any))
}
