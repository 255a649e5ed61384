package secret_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
)

// TestKeyringSealsForOneSubject opens a record as what it is not.
func TestKeyringSealsForOneSubject(t *testing.T) {
	t.Parallel()
	ring := secret.NewKeyring(mem.New(), newSealer(t, newKey(t)), time.Now)
	ctx, plain := t.Context(), []byte("swordfish")
	sealed, err := ring.Seal(ctx, "t", "records", "one", plain)
	if err != nil || bytes.Contains(sealed, plain) {
		t.Fatalf("sealed %q, %v", sealed, err)
	}
	if got, err := ring.Open(ctx, "t", "records", "one", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened %q, %v", got, err)
	}
	if again, err := ring.Seal(ctx, "t", "records", "one", plain); err != nil || bytes.Equal(again, sealed) {
		t.Errorf("two equal records look alike: %v", err)
	}
	changed := append([]byte{}, sealed...)
	changed[len(changed)-1] ^= 1
	for what, c := range map[string]struct {
		tenant, purpose, subject string
		sealed                   []byte
	}{
		"another tenant": {"u", "records", "one", sealed}, "another purpose": {"t", "else", "one", sealed},
		"another subject": {"t", "records", "two", sealed}, "a changed byte": {"t", "records", "one", changed}, "nothing": {"t", "records", "one", nil},
	} {
		if got, err := ring.Open(ctx, c.tenant, c.purpose, c.subject, c.sealed); err == nil {
			t.Errorf("%s opens %q", what, got)
		}
	}
}
