package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
)

// failure is why a refresh did not work: one of the endpoint's error codes, or
// one of ours. The empty one is none.
type failure string

const (
	failedNetwork failure = "unreachable"
	failedAnswer  failure = "bad_answer"
	failedPolicy  failure = "not_allowed"
	failedRefused failure = "refused"
)

// refusals are the codes a token endpoint answers (RFC 6749 section 5.2, RFC
// 8707). Another one is not shown: it is whatever the endpoint wrote.
var refusals = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
	"unsupported_grant_type", "invalid_scope", "invalid_target"}

// text says what went wrong, for clients.
func (f failure) text() string {
	switch f {
	case failedNetwork:
		return "its token endpoint could not be reached."
	case failedAnswer:
		return "its token endpoint answered something else than a token."
	case failedPolicy:
		return "its token endpoint may not be reached from this server."
	case failedRefused:
		return "its token endpoint refused."
	}
	return "its token endpoint refused (" + string(f) + ")."
}

// kind is the failure's kind of error.
func (f failure) kind() model.Kind {
	switch f {
	case failedNetwork:
		return model.UpstreamDown
	case failedAnswer:
		return model.UpstreamGarbage
	}
	return model.UpstreamDenied
}

// outcome names the failure, or success.
func (f failure) outcome() string {
	if f == "" {
		return "refreshed"
	}
	return string(f)
}

// grant is what a token endpoint gave.
type grant struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    number `json:"expires_in"`
	ends         time.Time
}

// number is a count of seconds, which some endpoints write as a string.
type number int64

// UnmarshalJSON reads either form.
func (n *number) UnmarshalJSON(b []byte) error {
	var v float64
	if err := json.Unmarshal([]byte(strings.Trim(string(b), `"`)), &v); err != nil || v != v || v < 0 || v > 1e9 {
		*n = 0 // unknown, as if it were left out
		return nil
	}
	*n = number(v)
	return nil
}

// maxAnswer bounds what is read of a token endpoint's answer.
const maxAnswer = 1 << 20

// exchange asks the token endpoint for a new access token. Nothing it answers
// is kept as text, since it may repeat what it was sent.
func (s *Store) exchange(ctx context.Context, r *Refresh, secrets sealedSecrets) (grant, failure) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	req, err := tokenRequest(ctx, r, secrets)
	if err != nil {
		return grant{}, failedPolicy
	}
	resp, err := s.endpoint.Do(req)
	if err != nil {
		if e := egress.AsError(err); e.Kind == model.Invalid {
			return grant{}, failedPolicy
		}
		return grant{}, failedNetwork
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return grant{}, failedNetwork
	}
	if resp.StatusCode != http.StatusOK {
		return grant{}, refusal(resp.StatusCode, body)
	}
	g, err := readGrant(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return grant{}, failedAnswer
	}
	if g.ExpiresIn > 0 {
		g.ends = s.now().Add(time.Duration(g.ExpiresIn) * time.Second).Truncate(time.Second)
	}
	return g, ""
}

// tokenRequest is the request of RFC 6749 section 6.
func tokenRequest(ctx context.Context, r *Refresh, secrets sealedSecrets) (*http.Request, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {secrets.RefreshToken}}
	for name, value := range map[string]string{"resource": r.Resource, "scope": r.Scope} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if r.ClientAuth != ClientBasic {
		form.Set("client_id", r.ClientID)
	}
	if r.ClientAuth == ClientPost {
		form.Set("client_secret", secrets.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "craton")
	if r.ClientAuth == ClientBasic {
		pair := url.QueryEscape(r.ClientID) + ":" + url.QueryEscape(secrets.ClientSecret)
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return req, nil
}

// refusal reads why the endpoint gave no token.
func refusal(status int, body []byte) failure {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && slices.Contains(refusals, said.Error) {
		return failure(said.Error)
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusBadRequest:
		return failedRefused
	case status >= 500, status == http.StatusTooManyRequests:
		return failedNetwork
	}
	return failedAnswer
}

// readGrant reads a token that can be presented.
func readGrant(contentType string, body []byte) (grant, error) {
	var g grant
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || mediaType != "application/json" {
		return g, errors.New("vault: the token endpoint did not answer JSON")
	}
	if json.Unmarshal(body, &g) != nil {
		return g, errors.New("vault: the token endpoint did not answer an object")
	}
	if g.TokenType != "" && !strings.EqualFold(g.TokenType, "bearer") || checkToken("", g.AccessToken) != nil {
		return g, errors.New("vault: the token endpoint gave no bearer token")
	}
	if g.RefreshToken != "" && checkLine("", g.RefreshToken) != nil {
		return g, errors.New("vault: the token endpoint gave a refresh token that is none")
	}
	return g, nil
}
