package edge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// signingNames are the SigV4 services a JSON dialect accepts: Bedrock's own
// name and that of its OpenAI-compatible host.
var signingNames = []string{"bedrock", "bedrock-mantle", "bedrock-runtime"}

// noCredential is the code of a request that brought no credential at all.
const noCredential = "MissingAuthenticationTokenException"

// authenticator proves who sent a request: by bearer key or by signature.
type authenticator struct {
	directory *identity.Directory
	verifier  *sigv4.Verifier
	runtime   sigv4.Rule
	objects   sigv4.Rule
	shortTerm sigv4.Rule
	strikes   *strikes
}

func newAuthenticator(d *identity.Directory, now func() time.Time) *authenticator {
	a := &authenticator{directory: d, runtime: sigv4.Generic(signingNames...), objects: sigv4.S3(), shortTerm: sigv4.Generic("bedrock"), strikes: newStrikes(now)}
	a.verifier = sigv4.New(sigv4.Config{Now: now, Lookup: a.lookup})
	return a
}

func (a *authenticator) lookup(ctx context.Context, accessKeyID string) (sigv4.Credential, error) {
	secret, _, _, err := a.directory.SecretForAccessKey(ctx, accessKeyID)
	if errors.Is(err, identity.ErrUnauthenticated) || errors.Is(err, identity.ErrNotFound) {
		return sigv4.Credential{}, sigv4.ErrUnknownKey
	}
	return sigv4.Credential{Secret: secret}, err
}

// authenticate fills c.who and c.key. A signed request's body is read and
// verified here, before anything acts on it. services are the signing names
// the route accepts; nil means those of the JSON dialects.
func (a *authenticator) authenticate(c *call, services []string) error {
	if token, given := bearer(c.r); given {
		if strings.HasPrefix(token, shortTermPrefix) {
			return a.byShortTerm(c, token)
		}
		return a.byToken(c, token)
	}
	req := sigv4.FromHTTP(c.r)
	if !sigv4.Signed(&req) {
		return &model.Error{Kind: model.Unauthenticated, Subject: "Authorization", Code: noCredential, Message: "No credential was sent.",
			Hint: "Send an API key as `Authorization: Bearer <key>` (or `x-api-key`), or sign the request with an access key."}
	}
	rule := a.runtime
	if services != nil {
		rule = sigv4.Generic(services...)
	}
	req.Body = func() ([]byte, error) {
		err := c.readBody()
		return c.body, err
	}
	_, err := a.bySignature(c, req, rule)
	return err
}

// byToken proves the caller by bearer key.
func (a *authenticator) byToken(c *call, token string) (err error) {
	if err := a.strikes.allow(c.r); err != nil && !a.directory.KnowsBearer(token) {
		return err
	}
	c.who, c.key, err = a.directory.AuthenticateBearer(c.r.Context(), token)
	return a.strikes.judge(c.r, err)
}

// bySignature proves the caller by signature.
func (a *authenticator) bySignature(c *call, req sigv4.Request, rule sigv4.Rule) (proof *sigv4.Result, err error) {
	if err := a.strikes.allow(c.r); err != nil {
		if id, _, _ := strings.Cut(credentialScope(c.r), "/"); !a.directory.KnowsAccessKey(id) {
			return nil, err
		}
	}
	if proof, err = a.verifier.Verify(c.r.Context(), req, rule); err != nil {
		return nil, a.strikes.judge(c.r, signatureError(err))
	}
	_, c.who, c.key, err = a.directory.SecretForAccessKey(c.r.Context(), proof.AccessKeyID)
	return proof, err
}

// bearer finds an API key in the places the SDKs put it.
func bearer(r *http.Request) (string, bool) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		scheme, token, ok := strings.Cut(auth, " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token), true
		}
		if !strings.HasPrefix(auth, sigv4.Algorithm) {
			return auth, true // an unknown scheme: refused as a wrong key, never ignored
		}
		return "", false
	}
	for _, name := range [...]string{"X-Api-Key", "Api-Key"} {
		if token := r.Header.Get(name); token != "" {
			return token, true
		}
	}
	return "", false
}

// isSigned reports whether the request claims a Version 4 signature.
func isSigned(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), sigv4.Algorithm) ||
		strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=")
}

// signedService is the service named in the claimed credential scope, before
// any proof; empty when there is none. It only chooses who verifies.
func signedService(r *http.Request) string {
	parts := strings.Split(credentialScope(r), "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}

// credentialScope is the claimed KEY/DATE/REGION/SERVICE/aws4_request; empty when unsigned.
func credentialScope(r *http.Request) string {
	if auth := r.Header.Get("Authorization"); strings.HasPrefix(auth, sigv4.Algorithm) {
		_, rest, _ := strings.Cut(auth, "Credential=")
		scope, _, _ := strings.Cut(rest, ",")
		return strings.TrimSpace(scope)
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return ""
	}
	return r.URL.Query().Get("X-Amz-Credential")
}

// signatureError keeps the refusal in its contract's words as the cause, for
// the AWS edge; the other dialects show its message.
func signatureError(err error) error {
	var refusal *sigv4.Error
	if !errors.As(err, &refusal) {
		return err
	}
	return &model.Error{Kind: model.Unauthenticated, Subject: "Authorization", Code: refusal.Code,
		Message: refusal.Message, Err: refusal}
}
