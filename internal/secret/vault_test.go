package secret_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
)

func TestVault(t *testing.T) {
	t.Parallel()
	first, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(first)
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New()
	v := secret.NewVault(store, sealer, time.Now)
	if _, err := v.Get(t.Context(), "openai"); !errors.Is(err, secret.ErrNoCredential) {
		t.Errorf("an unknown credential answers %v", err)
	}
	if err := v.Put(t.Context(), "Not A Name", "x"); err == nil {
		t.Error("a malformed name is accepted")
	}
	if err := v.Put(t.Context(), "openai", "sk-first"); err != nil {
		t.Fatal(err)
	}
	if err := v.Put(t.Context(), "openai", "sk-second"); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get(t.Context(), "openai"); got != "sk-second" || err != nil {
		t.Errorf("Get gives %q, %v", got, err)
	}
	docs, err := store.List(t.Context(), document.Query{Kind: "secret.credential"})
	if err != nil || len(docs) != 1 || bytes.Contains(docs[0].Body, []byte("sk-second")) {
		t.Errorf("stored: %d documents, %v; the value must not lie there in the clear", len(docs), err)
	}
	second, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := sealer.Replace(second, first); err != nil {
		t.Fatal(err)
	}
	if n, err := v.Rewrap(t.Context()); n != 1 || err != nil {
		t.Errorf("Rewrap gives %d, %v", n, err)
	}
	if err := sealer.Replace(second); err != nil {
		t.Fatal(err)
	}
	fresh := secret.NewVault(store, sealer, time.Now)
	if got, err := fresh.Get(t.Context(), "openai"); got != "sk-second" || err != nil {
		t.Errorf("after the rotation Get gives %q, %v", got, err)
	}
	if err := fresh.Delete(t.Context(), "openai"); err != nil {
		t.Error(err)
	}
	if _, err := fresh.Get(t.Context(), "openai"); !errors.Is(err, secret.ErrNoCredential) {
		t.Errorf("after Delete, Get gives %v", err)
	}
}
