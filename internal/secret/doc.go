// Package secret encrypts what must not lie on disk in the clear.
//
// It is for every package that stores a credential: access keys, upstream
// keys, vault entries. It follows the envelope scheme: each secret is
// encrypted (AES-256-GCM, tink-go) under a data key of its own, and that key
// under the installation's master key, so that changing the master key
// re-encrypts keys and not secrets.
//
// It guarantees that
//   - a sealed secret opens only with the tenant and purpose it was sealed for;
//   - each sealed secret names the master key that protects it, so that several
//     may be in use while one is replaced ([Sealer.Rewrap]);
//   - a master key that cannot open what is stored is refused at start
//     ([Admit]), not at the first use of a secret;
//   - master keys come from a file only its owner can read, from the
//     environment or from a command; they are in no database and no
//     backup, and never printed.
//
// Example:
//
//	source := secret.Source{File: path, Create: loopback}
//	sealer, err := secret.Unlock(ctx, source, documents, rand.Reader, time.Now())
//	sealed, err := sealer.Seal(tenant, "upstream-key", []byte(apiKey))
package secret
