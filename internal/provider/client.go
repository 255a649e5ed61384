package provider

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/plain"
)

// HopHeader carries the id of each server a request passed through, so that a
// server recognises a request of its own that came back.
const HopHeader = "X-Craton-Hop"

// maxErrorBody bounds what is read of an upstream's error answer.
const maxErrorBody = 1 << 20

// Client calls one upstream. It is safe for concurrent use.
type Client struct {
	cfg Config
	// transport is used bare: an http.Client would follow redirects, on which a
	// key must not go to another host, and costs allocations on every call.
	transport http.RoundTripper
	// decodeError turns an error answer of the upstream into an Error.
	decodeError func(status int, header http.Header, body []byte) *model.Error
	blanks      blanks
	// hop is the loop header of requests that begin here.
	hop []string
}

// NewClient returns a client for cfg, whose defaults must be filled in, that
// reads error answers with decodeError.
func NewClient(cfg Config, decodeError func(int, http.Header, []byte) *model.Error) *Client {
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(cfg)
	}
	return &Client{cfg: cfg, transport: transport, decodeError: decodeError, hop: []string{cfg.Instance}[:1:1]}
}

// newTransport returns a transport for long answers of one host: connections
// are many and kept, bodies arrive as they were sent.
func newTransport(cfg Config) http.RoundTripper {
	dialer := &net.Dialer{Timeout: cfg.Timeouts.Connect}
	return plain.New(plain.Config{
		Proxy: http.ProxyFromEnvironment, Dial: dialer.DialContext, FirstByte: cfg.Timeouts.FirstByte,
		MaxIdle: cfg.MaxIdle, Idle: cfg.Timeouts.Idle,
		Else: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   cfg.Timeouts.Connect,
			ResponseHeaderTimeout: cfg.Timeouts.FirstByte,
			MaxIdleConns:          cfg.MaxIdle,
			MaxIdleConnsPerHost:   cfg.MaxIdle,
			IdleConnTimeout:       cfg.Timeouts.Idle,
			DisableCompression:    true,
			ForceAttemptHTTP2:     true,
		},
	})
}

// CloseIdle closes idle connections.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Call is one request to an upstream.
type Call struct {
	// Op names the call in errors, such as "openai.Generate".
	Op string
	// Method is POST when empty.
	Method string
	// URL is absolute.
	URL string
	// Header is sent besides the configured headers.
	Header http.Header
	Body   []byte
	// Hops is as model.Request.Hops.
	Hops []string
	// Stream says that the answer is long: MaxStream bounds it, not MaxBody.
	Stream bool
	// Sign authenticates the finished request; nil for none. It runs last.
	Sign func(*http.Request) error
}

// Do sends the call and returns an answer of status 2xx, whose body the caller
// closes; every other outcome is an *model.Error. The body is bounded, breaks
// off with Timeout after Timeouts.Idle of silence, ends at once with the
// context, and returns *model.Error too.
func (c *Client) Do(ctx context.Context, call Call) (*http.Response, error) {
	resp, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	e, _ := c.refusal(resp, call.Op)
	return nil, e
}

// refusal is what an answer of a bad status says, with what was read of its body.
func (c *Client) refusal(resp *http.Response, op string) (*model.Error, []byte) {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := c.decodeError(resp.StatusCode, resp.Header, body)
	if e.Op == "" {
		e.Op = op
	}
	if e.UpstreamStatus == 0 {
		e.UpstreamStatus = resp.StatusCode
	}
	return e, body
}

// Bytes sends the call and returns the whole answer.
func (c *Client) Bytes(ctx context.Context, call Call) ([]byte, error) {
	resp, err := c.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	// Memory is taken at once for an ordinary answer, as bytes come for a larger one.
	body.Grow(int(min(max(resp.ContentLength, 0), 1<<20)) + bytes.MinRead)
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, withOp(err, call.Op)
	}
	return body.Bytes(), nil
}

// Stream sends the call and returns the answer that decode reads off its body.
// The connection is released as soon as the answer's last event was read,
// for reuse where the upstream ended it properly.
func (c *Client) Stream(ctx context.Context, call Call, decode func(*http.Response) (model.Stream, error)) (model.Stream, error) {
	call.Stream = true
	resp, err := c.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	s, err := decode(resp)
	if err != nil {
		resp.Body.Close()
		return nil, withOp(err, call.Op)
	}
	return &tidy{Stream: s, body: resp.Body.(*body), op: call.Op}, nil
}

// Relay sends the call and returns the answer whatever its status, with the
// headers that may be shown to clients. One of a bad status comes with what it
// means.
func (c *Client) Relay(ctx context.Context, call Call) (*model.Relayed, error) {
	resp, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	r := &model.Relayed{Status: resp.StatusCode, Header: Showable(resp.Header), Body: resp.Body}
	if r.Status/100 != 2 {
		var read []byte
		r.Refused, read = c.refusal(resp, call.Op)
		r.Body = &reread{Reader: io.MultiReader(bytes.NewReader(read), resp.Body), Closer: resp.Body}
	}
	return r, nil
}

// reread is a body of which the beginning was read before.
type reread struct {
	io.Reader
	io.Closer
}

func (c *Client) send(ctx context.Context, call Call) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, withOp(err, call.Op)
	}
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, withOp(err, call.Op)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, networkError(ctx, call.Op, err)
	}
	limit := c.cfg.MaxBody
	if call.Stream {
		limit = c.cfg.MaxStream
	}
	resp.Body = newBody(ctx, resp.Body, call.Op, limit, c.cfg.Timeouts)
	return resp, nil
}

// networkError says what went wrong on the way.
func networkError(ctx context.Context, op string, err error) *model.Error {
	var own *model.Error
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return withOp(ctx.Err(), op)
	case errors.As(err, &own):
		return own
	case errors.As(err, &timeout) && timeout.Timeout():
		return &model.Error{Kind: model.Timeout, Op: op, Message: "The upstream did not answer in time.",
			Hint: "Try again, or raise the upstream's timeouts.", Err: err}
	case errors.As(err, &dns):
		return &model.Error{Kind: model.UpstreamDown, Op: op, Message: "The upstream's host name cannot be resolved.",
			Hint: "Check the upstream's base URL.", Err: err}
	}
	return &model.Error{Kind: model.UpstreamDown, Op: op, Message: "The upstream cannot be reached.",
		Hint: "Check that it is running and that its base URL is right.", Err: err}
}

func withOp(err error, op string) *model.Error {
	e := model.AsError(err)
	if e.Op != "" {
		return e
	}
	named := *e
	named.Op = op
	return &named
}
