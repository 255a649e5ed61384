package environment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Window is how long a creation is known by its idempotency key.
const Window = 24 * time.Hour

// MaxKey is the length of the longest idempotency key.
const MaxKey = 256

// requestKind are the creations that brought an idempotency key, by creator and
// digest of the key.
const requestKind = "environment.request"

// request is a creation under way or done.
type request struct {
	// Digest is that of what was asked for.
	Digest      string `json:"digest"`
	Environment string `json:"environment"`
	Done        bool   `json:"done"`
}

// CreateOnce is Create for a request that may be sent again: the same key of
// the same creator gives the same environment, as it is then, for [Window]; an
// environment that was removed meanwhile is NotFound and not made again. The
// same key with another spec is a Conflict. A creation that broke off is taken
// up where it was. An empty key creates.
func (s *Store) CreateOnce(ctx context.Context, tenant, creator, key string, spec Spec) (Record, error) {
	if err := spec.check(); err != nil {
		return Record{}, err
	}
	made := Environment{Spec: spec, Status: Pending, Creator: creator}
	if key == "" {
		return s.environments.Create(ctx, tenant, made)
	}
	if len(key) > MaxKey {
		return Record{}, model.Errorf(model.Invalid, "Idempotency-Key", "The idempotency key has %d bytes; the limit is %d.", len(key), MaxKey)
	}
	doc, known, err := s.claim(ctx, tenant, creator, key, &spec)
	if err != nil {
		return Record{}, err
	}
	if known.Done {
		return s.Get(ctx, tenant, known.Environment)
	}
	record, err := s.environments.CreateAs(ctx, tenant, known.Environment, made)
	if errors.Is(err, document.ErrConflict) {
		record, err = s.Get(ctx, tenant, known.Environment) // it broke off after this
	}
	if err != nil {
		return Record{}, err
	}
	known.Done = true
	if err := s.note(ctx, doc, known); err != nil && !errors.Is(err, document.ErrConflict) {
		return Record{}, err
	}
	return record, nil
}

// claim returns the creation that the key stands for, a new one if it stands
// for none any more.
func (s *Store) claim(ctx context.Context, tenant, creator, key string, spec *Spec) (document.Document, *request, error) {
	digest, err := spec.digest()
	if err != nil {
		return document.Document{}, nil, err
	}
	sum := sha256.Sum256([]byte(key))
	id := creator + "/" + hex.EncodeToString(sum[:])
	for {
		now := s.cfg.Now()
		fresh := &request{Digest: digest, Environment: s.environments.NewID()}
		doc, err := s.cfg.Documents.Get(ctx, tenant, requestKind, id)
		switch {
		case errors.Is(err, document.ErrNotFound):
			doc = document.Document{Tenant: tenant, Kind: requestKind, ID: id, CreatedAt: now}
		case err != nil:
			return doc, nil, err
		case now.Sub(doc.UpdatedAt) < Window:
			known, err := recall(doc, digest)
			return doc, known, err
		}
		doc.UpdatedAt = now
		if doc, err = s.put(ctx, doc, fresh); !errors.Is(err, document.ErrConflict) {
			return doc, fresh, err
		}
	}
}

// recall reads a creation, and refuses another one under its key.
func recall(doc document.Document, digest string) (*request, error) {
	var known request
	if err := json.Unmarshal(doc.Body, &known); err != nil {
		return nil, model.Wrap(model.Internal, "environment.recall", err)
	}
	if known.Digest != digest {
		return nil, &model.Error{Kind: model.Conflict, Subject: "Idempotency-Key", Code: "idempotency_conflict",
			Message: "Another environment was asked for with this idempotency key.", Hint: "Use a new key for a new request."}
	}
	return &known, nil
}

// note keeps that a creation is done; the window goes on from its begin.
func (s *Store) note(ctx context.Context, doc document.Document, r *request) error {
	_, err := s.put(ctx, doc, r)
	return err
}

func (s *Store) put(ctx context.Context, doc document.Document, r *request) (document.Document, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return doc, model.Wrap(model.Internal, "environment.put", err)
	}
	doc.Body = body
	return s.cfg.Documents.Put(ctx, doc)
}

// digest names what is asked for.
func (s *Spec) digest() (string, error) {
	raw, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return "", model.Wrap(model.Internal, "environment.digest", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// ForgetRequests removes a tenant's idempotency keys whose window has passed,
// and returns how many. The caller runs it now and then.
func (s *Store) ForgetRequests(ctx context.Context, tenant string) (int, error) {
	forgotten := 0
	for after := ""; ; {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: requestKind, After: after, Limit: 200})
		if err != nil || len(docs) == 0 {
			return forgotten, err
		}
		for _, doc := range docs {
			after = doc.ID
			if s.cfg.Now().Sub(doc.UpdatedAt) < Window {
				continue
			}
			err := s.cfg.Documents.Delete(ctx, tenant, requestKind, doc.ID, doc.Version)
			switch {
			case errors.Is(err, document.ErrNotFound), errors.Is(err, document.ErrConflict):
			case err != nil:
				return forgotten, err
			default:
				forgotten++
			}
		}
	}
}
