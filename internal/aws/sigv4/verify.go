package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultSkew is how far a request's time may lie from the server's, either
// way; MaxExpiry is the longest life of a presigned request.
const (
	DefaultSkew = 15 * time.Minute
	MaxExpiry   = 7 * 24 * time.Hour
)

// Credential is what belongs to an access key.
type Credential struct {
	Secret string
	// SessionToken, if set, must come with every request (temporary
	// credentials); if empty, a request that carries a token is refused.
	SessionToken string
	// Expires is when the session token ends; zero means never.
	Expires time.Time
}

// Config is what a Verifier needs. Lookup and Now are required.
type Config struct {
	// Lookup finds the credential of an access key. It returns ErrUnknownKey
	// (wrapped or not) where there is none; any other error is returned by
	// Verify as it is and is not the caller's fault. Safe for concurrent use.
	Lookup func(ctx context.Context, accessKeyID string) (Credential, error)
	// Now is the clock.
	Now func() time.Time
	// MaxSkew replaces DefaultSkew if positive.
	MaxSkew time.Duration
}

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	cfg  Config
	keys keyCache
}

// New returns a Verifier. It keeps up to 2,048 derived signing keys.
func New(cfg Config) *Verifier {
	if cfg.MaxSkew <= 0 {
		cfg.MaxSkew = DefaultSkew
	}
	return &Verifier{cfg: cfg}
}

// Result is a verified request. Its fields are covered by the signature.
type Result struct {
	AccessKeyID string
	Region      string
	Service     string // signing name, one of the rule's
	// SignedHeaders are lower-case; headers not in it prove nothing.
	SignedHeaders []string
	Time          time.Time
	Presigned     bool
	Payload       Payload
	// PayloadHash is the SHA-256 of the body in lower-case hex where Payload
	// is PayloadHashed, else "".
	PayloadHash string
	// DecodedLength is the announced length of an aws-chunked body without
	// its framing, or -1.
	DecodedLength int64

	trailers string // announced in x-amz-trailer
	v        *Verifier
	rule     Rule
	secret   string
	claim    *claim
	key      []byte
}

// Verify checks req under rule. It returns a *Error for a request that must be
// refused, or the error of Lookup or req.Body.
func (v *Verifier) Verify(ctx context.Context, req Request, rule Rule) (*Result, error) {
	c, err := rule.read(&req)
	if err != nil {
		return nil, err
	}
	now := v.cfg.Now()
	if err := rule.check(c, &req, now, v.cfg.MaxSkew); err != nil {
		return nil, err
	}
	mode, hash, err := rule.payload(c, &req)
	if err != nil {
		return nil, err
	}
	cred, err := v.cfg.Lookup(ctx, c.accessKey)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return nil, rule.refuse(UnknownKey, "")
	case err != nil:
		return nil, fmt.Errorf("sigv4: finding access key %q: %w", c.accessKey, err)
	}
	if err := rule.checkToken(c, &cred, now); err != nil {
		return nil, err
	}
	res := &Result{AccessKeyID: c.accessKey, Region: c.region, Service: c.service, SignedHeaders: c.signed,
		Time: c.time, Presigned: c.presigned, Payload: mode, DecodedLength: decodedLength(&req),
		trailers: req.Header.Get("X-Amz-Trailer"), v: v, rule: rule, secret: cred.Secret, claim: c}
	if err := res.prove(&req, hash); err != nil {
		return nil, err
	}
	return res, nil
}

// prove checks the signature and, where the body is at hand, the body.
func (res *Result) prove(req *Request, hash string) error {
	body, err := res.bodyHash(req)
	if err != nil {
		return err
	}
	if hash == "" {
		if hash = body; hash == "" {
			return res.rule.refuse(BadPayload, "The request needs an x-amz-content-sha256 header here.")
		}
	}
	if !res.match(req, hash) {
		return res.rule.refuse(Mismatch, "")
	}
	if res.Payload == PayloadHashed {
		res.PayloadHash = hash
		if body != "" && body != hash {
			return res.rule.refuse(PayloadDiffer, "")
		}
	}
	return nil
}

// bodyHash returns the hash of the body, or "" where it is not at hand or need
// not be known.
func (res *Result) bodyHash(req *Request) (string, error) {
	switch {
	case res.Payload != PayloadHashed:
		return "", nil
	case req.Body == nil && req.ContentLength == 0 && len(req.TransferEncoding) == 0:
		return emptyHash, nil
	case req.Body == nil:
		return "", nil
	}
	b, err := req.Body()
	if err != nil {
		return "", fmt.Errorf("sigv4: reading the body: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// match compares the claimed signature with ours in constant time.
func (res *Result) match(req *Request, hash string) bool {
	c := res.claim
	id := keyID{c.accessKey, c.date, c.region, c.service}
	key, cached := res.v.keys.get(id, res.secret)
	if !cached {
		key = derive(res.secret, c.date, c.region, c.service)
	}
	for _, path := range res.rule.paths(req.Path) {
		sum := sha256.Sum256(c.canonical(req, &res.rule, path, hash))
		if hmac.Equal(c.signature, mac(key, Algorithm, "\n", c.stamp, "\n", c.scope(), "\n", hex.EncodeToString(sum[:]))) {
			res.key = key
			if !cached {
				// Cloned: the claim's strings would keep the whole header alive.
				res.v.keys.put(keyID{strings.Clone(id.accessKey), strings.Clone(id.date), strings.Clone(id.region), strings.Clone(id.service)}, res.secret, key)
			}
			return true
		}
	}
	return false
}

func (r *Rule) checkToken(c *claim, cred *Credential, now time.Time) error {
	switch {
	case !hmac.Equal([]byte(c.token), []byte(cred.SessionToken)):
		return r.refuse(BadToken, "")
	case !cred.Expires.IsZero() && !now.Before(cred.Expires):
		return r.refuse(ExpiredToken, "")
	}
	return nil
}

func decodedLength(req *Request) int64 {
	n, err := strconv.ParseInt(req.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// Covers reports whether the signature covers the header called name, in any
// case.
func (res *Result) Covers(name string) bool {
	return slices.Contains(res.SignedHeaders, strings.ToLower(name))
}
