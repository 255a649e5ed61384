package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
)

// purpose binds a sealed secret to its credential, of either kind.
const purpose = "vault-credential:"

// record is the body of a credential's document.
type record struct {
	Name     string            `json:"name,omitzero"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Auth     Auth              `json:"auth"`
	// Origin binds an inline credential, whose headers are sealed.
	Origin string `json:"origin,omitzero"`
	// Sealed is the sealed form of sealedSecrets.
	Sealed []byte `json:"sealed"`
	// Stale is set when a server refused a token that had not run out.
	Stale bool `json:"stale,omitzero"`
	// Claim is held by who refreshes the token; nil by nobody.
	Claim *claim `json:"claim,omitempty"`
	// Failed is why the last refresh failed, and RetryAt when to try again.
	Failed  failure   `json:"failed,omitzero"`
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// claim says that somebody refreshes a token, until a time at which it is
// taken to have died.
type claim struct {
	By    string    `json:"by"`
	Until time.Time `json:"until"`
}

// sealedSecrets is the plaintext of [record.Sealed].
type sealedSecrets struct {
	Token        string            `json:"token,omitzero"`
	RefreshToken string            `json:"refresh_token,omitzero"`
	ClientSecret string            `json:"client_secret,omitzero"`
	Headers      map[string]string `json:"headers,omitempty"`
}

// ownID is the credential's own part of its document's id.
func ownID(doc document.Document) string {
	_, own, ok := strings.Cut(doc.ID, "/")
	if !ok {
		return doc.ID
	}
	return own
}

func (r record) credential(doc document.Document) Credential {
	vaultID, own, _ := strings.Cut(doc.ID, "/")
	return Credential{ID: own, VaultID: vaultID, Name: r.Name, Metadata: r.Metadata, Auth: r.Auth, Created: doc.CreatedAt, Updated: doc.UpdatedAt}
}

func decodeRecord(doc document.Document) (record, error) {
	var rec record
	if err := json.Unmarshal(doc.Body, &rec); err != nil {
		return rec, fmt.Errorf("vault: the record of %s: %w", ownID(doc), err)
	}
	return rec, nil
}

// put writes rec as doc's body if doc's version is still the stored one.
func (s *Store) put(ctx context.Context, doc document.Document, rec record) (document.Document, error) {
	body, err := json.Marshal(rec)
	if err != nil {
		return doc, err
	}
	doc.Body = body
	return s.cfg.Documents.Put(ctx, doc)
}

// seal puts secrets into rec for doc.
func (s *Store) seal(rec *record, doc document.Document, secrets Secrets) error {
	return s.sealAll(rec, doc, sealedSecrets{Token: secrets.Token, RefreshToken: secrets.RefreshToken, ClientSecret: secrets.ClientSecret})
}

func (s *Store) sealAll(rec *record, doc document.Document, secrets sealedSecrets) error {
	plain, err := json.Marshal(secrets)
	if err != nil {
		return errors.New("vault: the secrets are not text") // err may quote them
	}
	defer clear(plain)
	rec.Sealed, err = s.cfg.Sealer.Seal(doc.Tenant, purpose+ownID(doc), plain)
	return err
}

// open returns rec's secrets.
func (s *Store) open(rec record, doc document.Document) (sealedSecrets, error) {
	var secrets sealedSecrets
	plain, err := s.cfg.Sealer.Open(doc.Tenant, purpose+ownID(doc), rec.Sealed)
	if err != nil {
		return secrets, fmt.Errorf("vault: %s: %w", ownID(doc), err)
	}
	defer clear(plain)
	if json.Unmarshal(plain, &secrets) != nil {
		return secrets, fmt.Errorf("vault: the secrets of %s are not what was sealed", ownID(doc))
	}
	return secrets, nil
}

// Rewrap protects every secret of a tenant with the current master key and
// returns how many changed. It may be interrupted and run again.
func (s *Store) Rewrap(ctx context.Context, tenant string) (changed int, err error) {
	for _, kind := range []string{kindCredential, kindInline} {
		n, err := s.rewrap(ctx, document.Query{Tenant: tenant, Kind: kind})
		if changed += n; err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func (s *Store) rewrap(ctx context.Context, query document.Query) (changed int, err error) {
	for {
		docs, err := s.cfg.Documents.List(ctx, query)
		if err != nil || len(docs) == 0 {
			return changed, err
		}
		for _, doc := range docs {
			query.After = doc.ID
			rec, err := decodeRecord(doc)
			if err != nil {
				return changed, err
			}
			sealed, differs, err := s.cfg.Sealer.Rewrap(doc.Tenant, purpose+ownID(doc), rec.Sealed)
			if err != nil {
				return changed, fmt.Errorf("vault: rewrap %s: %w", ownID(doc), err)
			}
			if !differs {
				continue
			}
			changed++
			rec.Sealed = sealed
			if _, err := s.put(ctx, doc, rec); err != nil && !errors.Is(err, document.ErrConflict) { // written meanwhile: the next pass looks again
				return changed, err
			}
		}
	}
}
