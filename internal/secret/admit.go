package secret

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/go-json-experiment/json"
)

// kindCheck are the documents that remember which master keys are in use; each
// holds a known text sealed with its key.
const kindCheck = "master-key"

const checkText = "craton"

// sealedDocument is the body of documents of this package.
type sealedDocument struct {
	Sealed []byte `json:"sealed"`
}

// Admit refuses master keys that cannot open what the store holds, naming the
// key that is missing, and otherwise remembers the current one. Call it at
// start and after each [Sealer.Replace].
func Admit(ctx context.Context, store document.Store, sealer *Sealer, now time.Time) error {
	known, err := store.List(ctx, document.Query{Kind: kindCheck})
	if err != nil {
		return fmt.Errorf("secret: read which master keys are in use: %w", err)
	}
	current, loaded := sealer.KeyID(), sealer.KeyIDs()
	seen := false
	for _, doc := range known {
		if !slices.Contains(loaded, doc.ID) {
			return fmt.Errorf("secret: the data holds secrets sealed with master key %s, but what was loaded is %s: "+
				"give the right master key (or, while changing it, both, the new one first)",
				doc.ID, strings.Join(loaded, ", "))
		}
		var body sealedDocument
		if err := json.Unmarshal(doc.Body, &body); err != nil {
			return fmt.Errorf("secret: check value of master key %s: %w", doc.ID, err)
		}
		text, err := sealer.Open("", kindCheck, body.Sealed)
		if err != nil || string(text) != checkText {
			return fmt.Errorf("secret: master key %s does not open its check value: the stored data was changed", doc.ID)
		}
		seen = seen || doc.ID == current
	}
	if seen {
		return nil
	}
	return record(ctx, store, sealer, current, now)
}

func record(ctx context.Context, store document.Store, sealer *Sealer, id string, now time.Time) error {
	sealed, err := sealer.Seal("", kindCheck, []byte(checkText))
	if err != nil {
		return err
	}
	body, err := json.Marshal(sealedDocument{Sealed: sealed})
	if err != nil {
		return fmt.Errorf("secret: check value: %w", err)
	}
	_, err = store.Put(ctx, document.Document{
		Kind: kindCheck, ID: id, Body: body, CreatedAt: now, UpdatedAt: now,
	})
	if err != nil && !errors.Is(err, document.ErrConflict) { // another process was first
		return fmt.Errorf("secret: record master key %s: %w", id, err)
	}
	return nil
}

// Retire forgets every master key but the current one. Call it when everything
// sealed has been rewrapped and every process uses the current key; from then
// on the old ones need not be loaded.
func Retire(ctx context.Context, store document.Store, sealer *Sealer) (retired []string, err error) {
	known, err := store.List(ctx, document.Query{Kind: kindCheck})
	if err != nil {
		return nil, fmt.Errorf("secret: read which master keys are in use: %w", err)
	}
	for _, doc := range known {
		if doc.ID == sealer.KeyID() {
			continue
		}
		if err := store.Delete(ctx, "", kindCheck, doc.ID, document.Any); err != nil {
			return retired, fmt.Errorf("secret: retire master key %s: %w", doc.ID, err)
		}
		retired = append(retired, doc.ID)
	}
	return retired, nil
}
