package secret

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// Seal encrypts plaintext under the tenant's key for a purpose, so that only
// Open with the same tenant, purpose and subject returns it. It suits what is
// large or many: replacing the master key touches the tenant's key alone.
func (k *Keyring) Seal(ctx context.Context, tenant, purpose, subject string, plaintext []byte) ([]byte, error) {
	aead, err := k.cipher(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	sealed, err := aead.Encrypt(plaintext, bindings("record", tenant, subject))
	if err != nil {
		return nil, fmt.Errorf("secret: seal a record: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal returned, or answers an error if tenant, purpose,
// subject or any byte differ.
func (k *Keyring) Open(ctx context.Context, tenant, purpose, subject string, sealed []byte) ([]byte, error) {
	aead, err := k.cipher(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Decrypt(sealed, bindings("record", tenant, subject))
	if err != nil {
		return nil, errors.New("secret: the sealed record was changed, or belongs to another tenant, purpose or subject")
	}
	return plaintext, nil
}

func (k *Keyring) cipher(ctx context.Context, tenant, purpose string) (*subtle.AESGCM, error) {
	key, err := k.Key(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	aead, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("secret: data key %s/%s: %w", tenant, purpose, err)
	}
	return aead, nil
}
