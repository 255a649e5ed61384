package vault

import (
	"context"

	"github.com/craton-ai/craton/internal/document"
)

// List selects a page.
type List struct {
	// After is the id of the last resource of the page before; empty for the
	// first page. It need not exist any more.
	After string
	// Ascending lists the oldest first.
	Ascending bool
	// Limit is the greatest length of the page, at least 1.
	Limit int
	// Match chooses by metadata; nil takes every resource.
	Match func(metadata map[string]string) bool
}

// scanned is how many documents are read at once where some are skipped.
const scanned = 200

// List returns a page of vaults and whether more follow.
func (s *Store) List(ctx context.Context, tenant string, list List) ([]Vault, bool, error) {
	return page(ctx, s, document.Query{Tenant: tenant, Kind: kindVault}, list, func(doc document.Document) (Vault, map[string]string, error) {
		v, err := decodeVault(doc)
		return v, v.Metadata, err
	})
}

// Credentials returns a page of a vault's credentials and whether more follow;
// NotFound where there is no such vault.
func (s *Store) Credentials(ctx context.Context, tenant, vaultID string, list List) ([]Credential, bool, error) {
	if _, err := s.vault(ctx, tenant, vaultID); err != nil {
		return nil, false, err
	}
	query := document.Query{Tenant: tenant, Kind: kindCredential, Prefix: vaultID + "/"}
	return page(ctx, s, query, list, func(doc document.Document) (Credential, map[string]string, error) {
		rec, err := decodeRecord(doc)
		if err != nil {
			return Credential{}, nil, err
		}
		c := rec.credential(doc)
		return c, c.Metadata, nil
	})
}

// page reads documents until it has one more than the page holds.
func page[T any](ctx context.Context, s *Store, query document.Query, list List, decode func(document.Document) (T, map[string]string, error)) ([]T, bool, error) {
	query.Descending, query.Limit = !list.Ascending, list.Limit+1
	if list.Match != nil {
		query.Limit = scanned
	}
	if list.After != "" {
		query.After = query.Prefix + list.After
	}
	var found []T
	for {
		docs, err := s.cfg.Documents.List(ctx, query)
		if err != nil {
			return nil, false, err
		}
		for _, doc := range docs {
			query.After = doc.ID
			one, metadata, err := decode(doc)
			if err != nil {
				return nil, false, err
			}
			if list.Match != nil && !list.Match(metadata) {
				continue
			}
			if len(found) == list.Limit {
				return found, true, nil
			}
			found = append(found, one)
		}
		if len(docs) < query.Limit {
			return found, false, nil
		}
	}
}
