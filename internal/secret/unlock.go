package secret

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/craton-ai/craton/internal/document"
)

// Unlock loads the master keys and returns a sealer that was checked against
// the store: [Load], [NewSealer] and [Admit] in one. A key is created only
// where the store has never seen one: a file missing beside data that was
// sealed is an error, not a reason to begin anew.
func Unlock(ctx context.Context, source Source, store document.Store, random io.Reader, now time.Time) (*Sealer, error) {
	known, err := store.List(ctx, document.Query{Kind: kindCheck, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("secret: read which master keys are in use: %w", err)
	}
	if len(known) > 0 {
		source.Create = false
	}
	keys, err := Load(ctx, source, random)
	if err != nil {
		return nil, err
	}
	sealer, err := NewSealer(keys...)
	if err != nil {
		return nil, err
	}
	return sealer, Admit(ctx, store, sealer, now)
}
