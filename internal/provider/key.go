package provider

import (
	"fmt"
	"log/slog"
	"strings"
)

// Key is a secret that is read when it is needed and never printed: every
// formatting, logging and encoding of it yields a placeholder. The zero value
// is no key. It is safe for concurrent use when its function is.
type Key struct{ reveal func() (string, error) }

// keyText stands for a key wherever one would be printed.
const keyText = "[key]"

// StaticKey is a key known already; an empty one is no key.
func StaticKey(secret string) Key {
	if secret == "" {
		return Key{}
	}
	return Key{func() (string, error) { return secret, nil }}
}

// FuncKey is a key that read returns each time it is needed, so that it can be
// rotated. An error of read must not contain the key.
func FuncKey(read func() (string, error)) Key { return Key{read} }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.reveal == nil }

// Reveal returns the secret, without surrounding white space; empty when there is none.
func (k Key) Reveal() (string, error) {
	if k.reveal == nil {
		return "", nil
	}
	s, err := k.reveal()
	return strings.TrimSpace(s), err
}

// String returns a placeholder.
func (k Key) String() string {
	if k.IsZero() {
		return "[no key]"
	}
	return keyText
}

// GoString returns a placeholder.
func (k Key) GoString() string { return k.String() }

// Format writes a placeholder for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue returns a placeholder.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns a placeholder, so that an encoded configuration holds no secret.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
