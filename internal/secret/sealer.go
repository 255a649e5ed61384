package secret

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/subtle/random"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A sealed secret is: version (1 byte), id of the master key (8), length of
// the wrapped data key (2, big endian), wrapped data key, ciphertext. Both
// encryptions bind version, tenant and purpose as associated data.
const (
	formatVersion = 1
	keyIDSize     = 8
	dataKeySize   = 32
	headerSize    = 1 + keyIDSize + 2
)

// ErrWrongKey says that none of the loaded master keys opens a sealed secret.
var ErrWrongKey = errors.New("secret: the master key that sealed this is not loaded")

// Sealer seals and opens secrets. It is safe for concurrent use.
type Sealer struct {
	mu      sync.RWMutex
	current string
	masters map[string]tink.AEAD
}

// NewSealer returns a sealer that seals with the first key and opens with all.
func NewSealer(keys ...MasterKey) (*Sealer, error) {
	s := &Sealer{}
	return s, s.Replace(keys...)
}

// Replace puts other master keys into use, the first one current. If it fails
// the keys in use stay.
func (s *Sealer) Replace(keys ...MasterKey) error {
	if len(keys) == 0 {
		return errors.New("secret: a sealer needs a master key")
	}
	masters := make(map[string]tink.AEAD, len(keys))
	for _, k := range keys {
		aead, err := subtle.NewAESGCM(k.key)
		if err != nil {
			return fmt.Errorf("secret: %s: %w", k, err)
		}
		masters[k.ID] = aead
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.masters = keys[0].ID, masters
	return nil
}

// KeyID names the current master key.
func (s *Sealer) KeyID() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// KeyIDs names all loaded master keys, in no order.
func (s *Sealer) KeyIDs() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]string, 0, len(s.masters))
	for id := range s.masters {
		ids = append(ids, id)
	}
	return ids
}

// Seal encrypts plaintext so that only Open with the same tenant and purpose
// returns it. Purpose is a short constant of the package that owns the secret.
func (s *Sealer) Seal(tenant, purpose string, plaintext []byte) ([]byte, error) {
	dataKey := random.GetRandomBytes(dataKeySize)
	defer clear(dataKey)
	aead, err := subtle.NewAESGCM(dataKey)
	if err != nil {
		return nil, fmt.Errorf("secret: seal: %w", err)
	}
	ciphertext, err := aead.Encrypt(plaintext, bindings("secret", tenant, purpose))
	if err != nil {
		return nil, fmt.Errorf("secret: seal: %w", err)
	}
	return s.wrap(dataKey, ciphertext, tenant, purpose)
}

// wrap puts the data key, protected by the current master key, before the
// ciphertext.
func (s *Sealer) wrap(dataKey, ciphertext []byte, tenant, purpose string) ([]byte, error) {
	s.mu.RLock()
	id, master := s.current, s.masters[s.current]
	s.mu.RUnlock()
	wrapped, err := master.Encrypt(dataKey, bindings("data key", tenant, purpose))
	if err != nil {
		return nil, fmt.Errorf("secret: wrap a data key: %w", err)
	}
	rawID, err := hex.DecodeString(id)
	if err != nil {
		return nil, fmt.Errorf("secret: id of the master key: %w", err)
	}
	out := make([]byte, 0, headerSize+len(wrapped)+len(ciphertext))
	out = append(out, formatVersion)
	out = append(out, rawID...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(wrapped)))
	out = append(out, wrapped...)
	return append(out, ciphertext...), nil
}

// unwrap returns the id of the master key that protects sealed, the data key
// and the ciphertext.
func (s *Sealer) unwrap(tenant, purpose string, sealed []byte) (id string, dataKey, ciphertext []byte, err error) {
	if len(sealed) < headerSize || sealed[0] != formatVersion {
		return "", nil, nil, errors.New("secret: this is not a sealed secret of a known version")
	}
	id = hex.EncodeToString(sealed[1 : 1+keyIDSize])
	n := int(binary.BigEndian.Uint16(sealed[1+keyIDSize:]))
	rest := sealed[headerSize:]
	if len(rest) < n {
		return "", nil, nil, errors.New("secret: the sealed secret is cut short")
	}
	s.mu.RLock()
	master := s.masters[id]
	s.mu.RUnlock()
	if master == nil {
		return "", nil, nil, fmt.Errorf("%w (it is %s; loaded: %s)", ErrWrongKey, id, strings.Join(s.KeyIDs(), ", "))
	}
	dataKey, err = master.Decrypt(rest[:n], bindings("data key", tenant, purpose))
	if err != nil {
		return "", nil, nil, errors.New("secret: the sealed secret was changed, or belongs to another tenant or purpose")
	}
	return id, dataKey, rest[n:], nil
}

// Open decrypts what Seal returned. It answers [ErrWrongKey] if the master key
// is not loaded, and another error if tenant, purpose or any byte differ.
func (s *Sealer) Open(tenant, purpose string, sealed []byte) ([]byte, error) {
	_, dataKey, ciphertext, err := s.unwrap(tenant, purpose, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(dataKey)
	aead, err := subtle.NewAESGCM(dataKey)
	if err != nil {
		return nil, fmt.Errorf("secret: open: %w", err)
	}
	plaintext, err := aead.Decrypt(ciphertext, bindings("secret", tenant, purpose))
	if err != nil {
		return nil, errors.New("secret: the sealed secret was changed")
	}
	return plaintext, nil
}

// Rewrap returns sealed as protected by the current master key, and whether
// that differs from what was given. The secret itself is not re-encrypted.
func (s *Sealer) Rewrap(tenant, purpose string, sealed []byte) ([]byte, bool, error) {
	id, dataKey, ciphertext, err := s.unwrap(tenant, purpose, sealed)
	if err != nil {
		return nil, false, err
	}
	defer clear(dataKey)
	if id == s.KeyID() {
		return sealed, false, nil
	}
	out, err := s.wrap(dataKey, ciphertext, tenant, purpose)
	return out, err == nil, err
}

// bindings is the associated data: fields with their lengths, so that no two
// triples look alike.
func bindings(what, tenant, purpose string) []byte {
	out := []byte{formatVersion}
	for _, field := range []string{what, tenant, purpose} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}
