package bedrock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/bedrock"
)

const hush = "hush-hush-secret"

// authorization sends one request and returns how it was authenticated.
func authorization(t *testing.T, cfg provider.Config) (http.Header, string, error) {
	t.Helper()
	server := newLoopback(t)
	var header http.Header
	var path string
	server.Seen = func(r *http.Request, _ []byte) { header, path = r.Header, r.URL.EscapedPath() }
	cfg.Kind, cfg.BaseURL = "bedrock", server.URL
	cfg.Now = func() time.Time { return time.Unix(1_780_000_000, 0) }
	p, err := bedrock.New(cfg)
	if err != nil {
		return nil, "", err
	}
	defer p.Close()
	s, err := p.Generate(t.Context(), &model.Request{
		Model:    "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x:0",
		Messages: []model.Message{model.UserText("Say hi")},
	})
	if err == nil {
		s.Close()
	}
	return header, path, err
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	files := func(path string) ([]byte, error) {
		switch path {
		case "/home/a/.aws/credentials":
			return []byte("# keys\n[default]\naws_access_key_id = FILEID\naws_secret_access_key=" + hush + "\n[other]\naws_access_key_id=OTHERID\naws_secret_access_key=" + hush + "\naws_session_token = tok\n"), nil
		case "/home/a/.aws/config":
			return []byte("[default]\nregion = eu-north-1\n[profile  other]\nregion=us-west-2\n"), nil
		}
		return nil, errors.New("no such file")
	}
	key := provider.StaticKey(hush)
	for name, c := range map[string]struct {
		cfg  provider.Config
		want string // what stands in Authorization
		tok  string
	}{
		"configured": {provider.Config{Region: "r-1", AWS: provider.AWS{AccessKeyID: "CFGID", SecretKey: key, Getenv: env("AWS_ACCESS_KEY_ID", "ENVID")}},
			"Credential=CFGID/20260528/r-1/bedrock/aws4_request", ""},
		"environment": {provider.Config{AWS: provider.AWS{Getenv: env("AWS_ACCESS_KEY_ID", "ENVID", "AWS_SECRET_ACCESS_KEY", hush, "AWS_SESSION_TOKEN", "tok", "AWS_REGION", "r-2"), ReadFile: files}},
			"Credential=ENVID/20260528/r-2/bedrock/aws4_request", "tok"},
		"file": {provider.Config{AWS: provider.AWS{Getenv: env("HOME", "/home/a"), ReadFile: files}},
			"Credential=FILEID/20260528/eu-north-1/bedrock/aws4_request", ""},
		"profile": {provider.Config{AWS: provider.AWS{Profile: "other", Getenv: env("HOME", "/home/a"), ReadFile: files}},
			"Credential=OTHERID/20260528/us-west-2/bedrock/aws4_request", "tok"},
		"bearer configured":  {provider.Config{Region: "r-1", AWS: provider.AWS{Bearer: key}}, "Bearer " + hush, ""},
		"bearer environment": {provider.Config{Region: "r-1", AWS: provider.AWS{Getenv: env("AWS_BEARER_TOKEN_BEDROCK", hush)}}, "Bearer " + hush, ""},
	} {
		header, path, err := authorization(t, c.cfg)
		if e := model.AsError(err); e == nil || e.Kind != model.ModelNotFound {
			t.Errorf("%s: got %v, want the loopback server to be reached", name, err)
			continue
		}
		if got := header.Get("Authorization"); !strings.Contains(got, c.want) || header.Get("X-Amz-Security-Token") != c.tok {
			t.Errorf("%s: authorized by %q with token %q, want %q", name, got, header.Get("X-Amz-Security-Token"), c.want)
		}
		if want := "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.x%3A0/converse"; path != want {
			t.Errorf("%s: the path is %s, want %s", name, path, want)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, c.cfg), hush) {
			t.Errorf("%s: the secret is shown in %v or %+v", name, err, c.cfg)
		}
	}
}

func TestNoCredential(t *testing.T) {
	t.Parallel()
	header, _, err := authorization(t, provider.Config{Region: "r-1"})
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamDenied || e.Hint == "" || header != nil {
		t.Errorf("got %v, want a refusal before anything is sent", err)
	}
	_, _, err = authorization(t, provider.Config{AWS: provider.AWS{AccessKeyID: "x"}})
	if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != "region" {
		t.Errorf("got %v, want the region to be asked for", err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	server := newLoopback(t)
	cards, err := connect(t, provider.Config{BaseURL: server.URL, Name: "aws"}).Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range cards {
		ids = append(ids, c.Upstream+"/"+c.ID)
	}
	if got := strings.Join(ids, " "); got != "aws/script-chat aws/eu.profile-only" {
		t.Errorf("got %s, want the model on demand and the profile", got)
	}
	if !cards[0].Can(model.CanStream) || cards[0].Vendor != "craton" {
		t.Errorf("the card %+v lost what the list told", cards[0])
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	server := newLoopback(t)
	p := connect(t, provider.Config{BaseURL: server.URL})
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"Say hi"}]}]}`)
	for _, stream := range []bool{false, true} {
		r, err := p.Relay(t.Context(), &model.Exchange{
			Dialect: model.DialectConverse, Operation: "converse", Model: "script-chat", Stream: stream, Body: body,
		})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.Status != http.StatusOK || !strings.Contains(string(answer), `"hi"`) {
			t.Errorf("stream %t: got %d %q, %v", stream, r.Status, answer, err)
		}
	}
	if _, err := p.Relay(t.Context(), &model.Exchange{Dialect: model.DialectAnthropic, Operation: "messages"}); model.AsError(err) == nil || model.AsError(err).Kind != model.Unsupported {
		t.Errorf("another dialect: got %v, want it unsupported", err)
	}
}

// TestSignatureVerifies checks signatures with the server's own verifier, which
// passes the vendor's test vectors.
func TestSignatureVerifies(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_780_000_000, 0)
	verifier := sigv4.New(sigv4.Config{Now: func() time.Time { return now }, Lookup: func(context.Context, string) (sigv4.Credential, error) {
		return sigv4.Credential{Secret: hush, SessionToken: "tok"}, nil
	}})
	server := newLoopback(t)
	var verified []error
	server.Seen = func(r *http.Request, body []byte) {
		req := sigv4.FromHTTP(r)
		req.Body = func() ([]byte, error) { return body, nil }
		_, err := verifier.Verify(r.Context(), req, sigv4.Generic("bedrock"))
		verified = append(verified, err)
	}
	p := connect(t, provider.Config{
		BaseURL: server.URL, Instance: "me", Headers: map[string]string{"X-Team": "  spaced   out "},
		AWS: provider.AWS{AccessKeyID: "ID", SecretKey: provider.StaticKey(hush), SessionToken: provider.StaticKey("tok")},
	})
	for _, id := range []string{"script-chat", "arn:aws:bedrock:r:1:inference-profile/eu.x:0", "ünï code"} {
		for _, stream := range []bool{false, true} {
			s, err := p.Generate(t.Context(), &model.Request{Model: id, Stream: stream, Messages: []model.Message{model.UserText("Say ü")}})
			if err == nil {
				s.Close()
			}
		}
	}
	if _, err := p.Models(t.Context()); err != nil {
		t.Error(err)
	}
	if len(verified) != 9 {
		t.Fatalf("%d requests were seen, want 9", len(verified))
	}
	for i, err := range verified {
		if err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
}
