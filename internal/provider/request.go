package provider

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/model"
)

// Values of headers, which nobody changes: who wants another sets one.
var (
	jsonType = []string{"application/json"}
	ownName  = []string{"craton"}
)

// payload is a body in memory.
type payload struct{ bytes.Reader }

func newPayload(b []byte) *payload {
	p := &payload{}
	p.Reset(b)
	return p
}

// Close does nothing.
func (*payload) Close() error { return nil }

// request builds the HTTP request of a call. Configured headers win over the
// call's, and the loop header over both.
func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	method := call.Method
	if method == "" {
		method = http.MethodPost
	}
	blank, err := c.blanks.of(call.URL)
	if err != nil {
		return nil, &model.Error{Kind: model.Internal, Op: call.Op, Message: "The upstream's base URL is not a URL."}
	}
	req := blank.WithContext(ctx)
	req.Method, req.Header, req.ContentLength = method, make(http.Header, 8), int64(len(call.Body))
	if len(call.Body) == 0 {
		req.Body, req.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	} else {
		bytes := call.Body
		req.Body, req.GetBody = newPayload(bytes), func() (io.ReadCloser, error) { return newPayload(bytes), nil }
		req.Header["Content-Type"] = jsonType[:1:1]
	}
	for name, values := range call.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	for name, value := range c.cfg.Headers {
		req.Header.Set(name, value)
	}
	if c.cfg.Instance != "" {
		req.Header[HopHeader] = c.hop
		if len(call.Hops) > 0 {
			req.Header[HopHeader] = []string{strings.Join(append(slices.Clone(call.Hops), c.cfg.Instance), ", ")}
		}
	}
	req.Header["User-Agent"] = ownName[:1:1]
	if c.cfg.Trace != nil {
		c.cfg.Trace(ctx, req.Header)
	}
	if call.Sign != nil {
		if err := call.Sign(req); err != nil {
			return nil, err
		}
	}
	return req, nil
}

// shown lists the headers of an upstream that clients may see, and shownPrefixes
// their families: what the answer is, when to return, and which id support asks for.
var (
	shown = []string{"Content-Type", "Content-Length", "Retry-After", "Retry-After-Ms", "Request-Id", "X-Request-Id",
		"X-Should-Retry", "Openai-Processing-Ms", "Openai-Version", "X-Amzn-Requestid", "X-Amzn-Errortype"}
	shownPrefixes = []string{"X-Ratelimit-", "Anthropic-Ratelimit-", "X-Amzn-Bedrock-"}
)

// Showable returns the headers of an upstream's answer that clients may see;
// the values are h's own.
func Showable(h http.Header) http.Header {
	out := make(http.Header, 4)
	for name, values := range h {
		prefixed := slices.ContainsFunc(shownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if prefixed || slices.Contains(shown, name) {
			out[name] = values
		}
	}
	return out
}

// Bearer returns a Call.Sign that sends key as a bearer token, or nothing when
// there is no key.
func Bearer(key Key) func(*http.Request) error { return keyHeader(key, "Authorization", "Bearer ") }

// KeyHeader returns a Call.Sign that sends key in the named header, or nothing
// when there is no key.
func KeyHeader(key Key, name string) func(*http.Request) error { return keyHeader(key, name, "") }

func keyHeader(key Key, name, prefix string) func(*http.Request) error {
	return func(req *http.Request) error {
		secret, err := key.Reveal()
		if err != nil {
			return &model.Error{Kind: model.UpstreamDenied, Op: "provider.Key", Err: err,
				Message: "The key of the upstream cannot be read.", Hint: "Check where its configuration says the key is."}
		}
		if secret != "" && req.Header.Get(name) == "" {
			req.Header.Set(name, prefix+secret)
		}
		return nil
	}
}

// maxBlanks bounds how many requests are remembered.
const maxBlanks = 256

// blanks remembers a request without anything but its address for each URL, of
// which an upstream has few: parsing one for each call would cost as much as
// the rest of the request.
type blanks struct {
	mu    sync.RWMutex
	known map[string]*http.Request
}

// of returns the blank request for a URL, to be copied. Its URL is shared and
// must not be modified.
func (b *blanks) of(address string) (*http.Request, error) {
	b.mu.RLock()
	r := b.known[address]
	b.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	r, err := http.NewRequest(http.MethodPost, address, nil)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[string]*http.Request{}
	}
	if len(b.known) < maxBlanks {
		b.known[address] = r
	}
	return r, nil
}
