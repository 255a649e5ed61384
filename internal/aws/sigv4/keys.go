package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// cachedKeys bounds each of the two generations of derived keys. A key is in
// use for a day per (access key, region, service), so this covers a thousand
// active callers in about 300 KB.
const cachedKeys = 1024

type keyID struct{ accessKey, date, region, service string }

type keyEntry struct {
	secret [sha256.Size]byte // digest: a rotated secret must not find an old key
	key    []byte
}

// keyCache remembers derived signing keys in two generations: when the young
// one is full it becomes the old one, and the old one is dropped.
type keyCache struct {
	mu         sync.Mutex
	young, old map[keyID]keyEntry
}

func (k *keyCache) get(id keyID, secret string) ([]byte, bool) {
	digest := sha256.Sum256([]byte(secret))
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.young[id]
	if !ok {
		if e, ok = k.old[id]; ok {
			k.putLocked(id, e)
		}
	}
	if !ok || subtle.ConstantTimeCompare(e.secret[:], digest[:]) != 1 {
		return nil, false
	}
	return e.key, true
}

// put stores a key that has just verified a signature; keys of failed
// attempts are not stored, so strangers cannot push out those in use.
func (k *keyCache) put(id keyID, secret string, key []byte) {
	e := keyEntry{secret: sha256.Sum256([]byte(secret)), key: key}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.putLocked(id, e)
}

func (k *keyCache) putLocked(id keyID, e keyEntry) {
	if len(k.young) >= cachedKeys {
		k.young, k.old = nil, k.young
	}
	if k.young == nil {
		k.young = make(map[keyID]keyEntry)
	}
	k.young[id] = e
}

// derive computes the signing key of a day, region and service.
func derive(secret, date, region, service string) []byte {
	k := mac([]byte("AWS4"+secret), date)
	k = mac(k, region)
	k = mac(k, service)
	return mac(k, terminator)
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
