package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// remote says which running server a command talks to, and as whom.
type remote struct {
	URL      string `help:"Address of the running server." default:"http://127.0.0.1:8420" env:"CRATON_URL"`
	APIKey   string `help:"API key; better given as CRATON_API_KEY." env:"CRATON_API_KEY"`
	Insecure bool   `help:"Accept a self-signed certificate." env:"CRATON_INSECURE"`
}

// apiError is OpenAI's error envelope, which the admin API shares.
type apiError struct {
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

// request makes an authenticated request.
func (s remote) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	if s.APIKey == "" {
		return nil, errors.New("no API key: set CRATON_API_KEY to the key `craton serve` printed at its first start")
	}
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(raw)
	}
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, r)
	if err != nil {
		return nil, fmt.Errorf("CRATON_URL: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.APIKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// base is the server's address without a slash at its end.
func (s remote) base() (string, error) {
	u, err := url.Parse(s.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("the server's address %q (--url, CRATON_URL) does not begin with http:// or https://, as in http://127.0.0.1:8420", s.URL)
	}
	return strings.TrimSuffix(s.URL, "/"), nil
}

// do sends a request and checks the status. The caller closes the body.
func (s remote) do(req *http.Request) (*http.Response, error) {
	resp, err := s.send(req)
	if err != nil {
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return nil, fmt.Errorf("the certificate of %s is not trusted (%w): --insecure accepts one of its own (--tls-self-signed), SSL_CERT_FILE=DATA/tls.crt trusts it", s.URL, untrusted.Err)
		}
		var refused *url.Error
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("cannot reach the server at %s (%w): is `craton serve` running? CRATON_URL names another address", s.URL, refused.Err)
		}
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	var e apiError
	if json.Unmarshal(raw, &e) == nil && e.Error.Message != "" {
		return nil, errors.New(e.Error.Message)
	}
	return nil, fmt.Errorf("the server answered %s", resp.Status)
}

// otherScheme says that the server speaks the other one of http and https.
type otherScheme struct{ address, scheme string }

func (e *otherScheme) Error() string {
	u, err := url.Parse(e.address)
	if err != nil {
		return err.Error()
	}
	has := u.Scheme
	u.Scheme = e.scheme
	return fmt.Sprintf("the server at %s speaks %s, not %s: name it %s (--url, CRATON_URL)", e.address, e.scheme, has, u)
}

// plainToTLS is how servers refuse plain HTTP where they speak TLS: Go's, which
// Craton's is, and those that stand before it.
var plainToTLS = []string{"Client sent an HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port"}

// send sends a request. An address with the wrong scheme is an *otherScheme.
func (s remote) send(req *http.Request) (*http.Response, error) {
	resp, err := s.client().Do(req)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return nil, &otherScheme{s.URL, "http"}
	case err != nil || resp.StatusCode != http.StatusBadRequest || req.URL.Scheme != "http":
		return resp, err
	}
	start, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	for _, words := range plainToTLS {
		if bytes.Contains(start, []byte(words)) {
			return nil, errors.Join(&otherScheme{s.URL, "https"}, resp.Body.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), resp.Body), resp.Body}
	return resp, nil
}

// call sends body and decodes the answer into out, which may be nil.
func (s remote) call(ctx context.Context, method, path string, body, out any) error {
	req, err := s.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := s.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the server's answer does not decode: %w", err)
	}
	return nil
}

func (s remote) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if s.Insecure {
		transport.TLSClientConfig = insecureTLS()
	}
	transport.ResponseHeaderTimeout = 10 * time.Minute
	return &http.Client{Transport: transport}
}
