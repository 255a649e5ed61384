package blob

import (
	"context"
	"strings"

	"github.com/craton-ai/craton/internal/document"
)

// Query selects a page of a bucket's objects.
type Query struct {
	Prefix string
	// Delimiter folds keys that have it after the prefix into common prefixes.
	Delimiter string
	// After is an exclusive bound on keys.
	After string
	// Limit caps objects and common prefixes together; 0 means 1000, which is also the maximum.
	Limit int
}

// Page is a part of a listing.
type Page struct {
	Objects  []Object
	Prefixes []string
	// Next is the After of the next page; empty on the last one.
	Next string
}

// List returns a page of objects ordered by key.
func (s *Space) List(ctx context.Context, tenant, bucket string, q Query) (*Page, error) {
	if err := s.HeadBucket(ctx, tenant, bucket); err != nil {
		return nil, err
	}
	return s.list(ctx, tenant, bucket, q)
}

func (s *Space) list(ctx context.Context, tenant, bucket string, q Query) (*Page, error) {
	if q.Limit <= 0 || q.Limit > 1000 {
		q.Limit = 1000
	}
	page := &Page{}
	after, last := q.After, ""
	for {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: objectKind, Prefix: bucket + "/" + q.Prefix,
			After: afterID(bucket, after)})
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			o, err := decodeObject(doc)
			if err != nil {
				return nil, err
			}
			after = o.Key
			common := commonPrefix(o.Key, q)
			if common != "" && (common == last || common <= q.After) {
				continue
			}
			if len(page.Objects)+len(page.Prefixes) == q.Limit {
				return page, nil
			}
			if common != "" {
				last = common
				page.Prefixes = append(page.Prefixes, common)
				// Everything under the prefix sorts before prefix+U+10FFFF.
				page.Next = common + "\U0010ffff"
			} else {
				page.Objects = append(page.Objects, *o)
				page.Next = o.Key
			}
		}
		if len(docs) < 1000 {
			page.Next = ""
			return page, nil
		}
	}
}

func afterID(bucket, after string) string {
	if after == "" {
		return ""
	}
	return bucket + "/" + after
}

// commonPrefix is what a key is folded into, or empty.
func commonPrefix(key string, q Query) string {
	if q.Delimiter == "" {
		return ""
	}
	rest := key[len(q.Prefix):]
	i := strings.Index(rest, q.Delimiter)
	if i < 0 {
		return ""
	}
	return q.Prefix + rest[:i+len(q.Delimiter)]
}
