package secret_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
)

// TestRewrapAll rotates with more credentials than a page of the store holds,
// one of which was sealed before the rotation and is written only after the
// first pass went by. None may need the old key afterwards.
func TestRewrapAll(t *testing.T) {
	t.Parallel()
	first, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(first)
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New()
	v := secret.NewVault(store, sealer, time.Now)
	const many = 1100
	for i := range many {
		if err := v.Put(t.Context(), fmt.Sprintf("key-%04d", i), "value"); err != nil {
			t.Fatal(err)
		}
	}
	late, err := sealer.Seal("", "credential:a-late-one", []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sealer.Replace(second, first); err != nil {
		t.Fatal(err)
	}
	passes := 0
	changed, err := secret.RewrapAll(t.Context(), v.Rewrap, func(ctx context.Context) (int, error) {
		if passes++; passes > 1 {
			return 0, nil
		}
		_, err := store.Put(ctx, document.Document{Kind: "secret.credential", ID: "a-late-one", Body: late})
		return 0, err
	})
	if err != nil || changed != many+1 {
		t.Fatalf("changed %d, %v", changed, err)
	}
	if err := sealer.Replace(second); err != nil {
		t.Fatal(err)
	}
	fresh := secret.NewVault(store, sealer, time.Now)
	list, err := fresh.List(t.Context())
	if err != nil || len(list) != many+1 {
		t.Fatalf("%d listed, %v", len(list), err)
	}
	for _, one := range list {
		if _, err := fresh.Get(t.Context(), one.Name); err != nil {
			t.Fatalf("%s is lost: %v", one.Name, err)
		}
	}
}

// TestRewrapAllEnds does not go on for ever, nor past an error.
func TestRewrapAllEnds(t *testing.T) {
	t.Parallel()
	if n, err := secret.RewrapAll(t.Context(), func(context.Context) (int, error) { return 1, nil }); err == nil || n < 2 {
		t.Errorf("got %d, %v", n, err)
	}
	broken := errors.New("broken")
	if n, err := secret.RewrapAll(t.Context(), func(context.Context) (int, error) { return 2, broken }); !errors.Is(err, broken) || n != 2 {
		t.Errorf("got %d, %v", n, err)
	}
}
