package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// keyText begins a master key in its text form.
const keyText = "craton-master-1:"

// MasterKey protects data keys. Its text form (see [MasterKey.Text]) is the
// only one that shows the key.
type MasterKey struct {
	// ID names the key without telling anything about it.
	ID  string
	key []byte // 32 bytes
}

// NewMasterKey draws a key; random is crypto/rand.Reader in production.
func NewMasterKey(random io.Reader) (MasterKey, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return MasterKey{}, fmt.Errorf("secret: read random for a master key: %w", err)
	}
	return masterKey(b), nil
}

func masterKey(b []byte) MasterKey {
	mac := hmac.New(sha256.New, b)
	mac.Write([]byte("craton master key id 1"))
	return MasterKey{ID: hex.EncodeToString(mac.Sum(nil)[:keyIDSize]), key: b}
}

// Text returns the key as it is written to a file. Whoever has it can open
// every secret.
func (k MasterKey) Text() string { return keyText + base64.StdEncoding.EncodeToString(k.key) }

// String names the key without showing it.
func (k MasterKey) String() string { return "master key " + k.ID }

// GoString names the key without showing it.
func (k MasterKey) GoString() string { return k.String() }

// ParseMasterKeys reads keys in text form, one a line or separated by commas;
// empty lines and those beginning with # are skipped. The first key is the
// current one, the others only open what they sealed.
func ParseMasterKeys(text string) ([]MasterKey, error) {
	var keys []MasterKey
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		for field := range strings.SplitSeq(line, ",") {
			if field = strings.TrimSpace(field); field == "" {
				continue
			}
			encoded, ok := strings.CutPrefix(field, keyText)
			b, err := base64.StdEncoding.DecodeString(encoded)
			if !ok || err != nil || len(b) != 32 {
				return nil, fmt.Errorf("secret: line %d is not a master key: it should be %s and 32 bytes in base64", n+1, keyText)
			}
			keys = append(keys, masterKey(b))
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("secret: there is no master key in what was given")
	}
	return keys, nil
}
