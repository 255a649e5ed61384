package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/http/httpguts"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// sessionHeader names a session of the protocol.
const sessionHeader = "Mcp-Session-Id"

// address parses a server's URL.
func address(server tool.Server) (*url.URL, error) {
	u, err := url.Parse(server.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return nil, tool.NotSent(&model.Error{Kind: model.Invalid, Op: "mcp.Open", Subject: server.Label,
			Message: "The address of the MCP server is not an https address without credentials.",
			Hint:    "Give an address such as https://example.com/mcp, and credentials by vault or header."})
	}
	return u, nil
}

// headers refuses headers that are the protocol's own.
func headers(server tool.Server) error {
	for name, value := range server.Headers {
		switch lower := strings.ToLower(name); {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		case strings.HasPrefix(lower, "mcp-") || strings.HasPrefix(lower, "proxy-"):
		case lower == "host" || lower == "content-length" || lower == "content-type" || lower == "transfer-encoding" ||
			lower == "connection" || lower == "accept" || lower == "accept-encoding" || lower == "trailer" || lower == "upgrade" || lower == "te" ||
			lower == "last-event-id" || lower == "expect" || lower == "content-encoding":
		default:
			continue
		}
		return tool.NotSent(&model.Error{Kind: model.Invalid, Op: "mcp.Open", Subject: server.Label,
			Message: fmt.Sprintf("The header %q cannot be set for an MCP server.", name), Hint: "Leave it out."})
	}
	return nil
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// trouble remembers the first fault below the protocol.
type trouble struct {
	// local marks a child process.
	local bool
	mu    sync.Mutex
	err   error
}

func (t *trouble) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

func (t *trouble) cause() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// door is the only way to one remote server. It adds the server's headers and
// credential, keeps both to the server's origin, and turns refusals of HTTP
// into errors that tell what they mean.
type door struct {
	next        http.RoundTripper
	origin      string
	tenant      string
	server      tool.Server
	credentials Credentials
	trouble     *trouble
}

// doorway is the pool's client with a door to a server.
func (p *Pool) doorway(at *url.URL, tenant string, server tool.Server, t *trouble) *http.Client {
	c := *p.cfg.Client
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	d := &door{next: next, origin: origin(at), tenant: tenant, server: server, credentials: p.cfg.Credentials, trouble: t}
	follow := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := d.redirect(req, via); err != nil {
			return err
		}
		if follow != nil {
			return follow(req, via)
		}
		return nil
	}
	c.Transport = d
	c.Jar = nil
	return &c
}

// redirect keeps a request what it was, and at its server.
func (d *door) redirect(req *http.Request, via []*http.Request) error {
	switch {
	case origin(req.URL) != d.origin:
		return tool.NotSent(&model.Error{Kind: model.UpstreamGarbage, Op: "mcp", Subject: d.server.Label,
			Message: "The MCP server redirects to another origin, which is not followed.", Hint: "Give the address it redirects to."})
	case req.Method != via[0].Method:
		return tool.NotSent(&model.Error{Kind: model.UpstreamGarbage, Op: "mcp", Subject: d.server.Label,
			Message: "The MCP server redirects in a way that loses the request.", Hint: "Give the address it redirects to."})
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.present(req)
	if err != nil {
		if req.Context().Err() == nil {
			d.trouble.note(err)
		}
		return nil, err
	}
	if r := d.refusal(req, resp); r != nil {
		resp.Body.Close()
		return nil, r
	}
	resp.Body = &noting{ReadCloser: resp.Body, ctx: req.Context(), trouble: d.trouble}
	return resp, nil
}

// present sends a request with the credential, and once more with a renewed
// one where the server did not take it.
func (d *door) present(req *http.Request) (*http.Response, error) {
	defer func() {
		if req.Body != nil {
			req.Body.Close()
		}
	}()
	if origin(req.URL) != d.origin { // redirect has refused it; nothing gets past here
		return nil, errors.New("mcp: a request to another origin")
	}
	for renewed := false; ; renewed = true {
		granted, err := d.granted(req.Context())
		if err != nil {
			return nil, tool.NotSent(err)
		}
		attempt, err := d.attempt(req, granted)
		if err != nil {
			return nil, tool.NotSent(err)
		}
		resp, err := d.next.RoundTrip(attempt)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || len(granted) == 0 || renewed {
			return resp, err
		}
		again, err := d.credentials.Refused(req.Context(), d.tenant, d.server, granted)
		if err != nil || !again {
			return resp, nil
		}
		resp.Body.Close()
	}
}

func (d *door) granted(ctx context.Context) (http.Header, error) {
	if d.credentials == nil {
		return nil, nil
	}
	return d.credentials.Authorize(ctx, d.tenant, d.server)
}

// attempt is req with the server's headers, and over them the granted ones.
func (d *door) attempt(req *http.Request, granted http.Header) (*http.Request, error) {
	out := req.Clone(req.Context())
	for name, value := range d.server.Headers {
		out.Header.Set(name, value)
	}
	for name, values := range granted {
		out.Header[http.CanonicalHeaderKey(name)] = values
	}
	out.Header.Set("User-Agent", "craton")
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	return out, nil
}

// refusal is the answer of a server that did not carry a request out, or could not.
type refusal struct {
	status int
	// gone marks a session that the server no longer knows.
	gone bool
	// retry is what the server asked for; 0 when it did not.
	retry time.Duration
	// words are the server's own; usually empty.
	words string
}

func (r *refusal) Error() string {
	return "mcp: the server answered with status " + strconv.Itoa(r.status)
}

// executed reports whether the request may have taken effect.
func (r *refusal) executed() bool { return r.status >= 500 }

// refusal returns what a response refuses; nil for one that the protocol reads.
func (d *door) refusal(req *http.Request, resp *http.Response) *refusal {
	if req.Method != http.MethodPost || resp.StatusCode < 400 {
		return nil
	}
	known := req.Header.Get(sessionHeader) != ""
	r := &refusal{status: resp.StatusCode, gone: known && resp.StatusCode == http.StatusNotFound}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retry = time.Duration(min(seconds, 3600)) * time.Second
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return r
	}
	if r.gone || resp.StatusCode >= 500 {
		return r
	}
	code, words := protocolError(resp)
	if known && resp.StatusCode == http.StatusBadRequest && (code == codeServer || code == codeInvalidRequest) {
		// The protocol asks for 404. Servers after the examples of its TypeScript
		// and Python kits answer so instead to a session that they do not know.
		r.gone, r.words = true, words
		return r
	}
	if code == 0 {
		return r
	}
	return nil
}

// Codes of JSON-RPC.
const (
	codeServer         = -32000
	codeInvalidRequest = -32600
)

// protocolError is the error with which a refused request was answered in the
// protocol's own terms, which say more than the status; its code is 0 for none.
func protocolError(resp *http.Response) (code int, words string) {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return 0, ""
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(head), resp.Body}
	var answer struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err != nil || json.Unmarshal(head, &answer) != nil {
		return 0, ""
	}
	return answer.Error.Code, answer.Error.Message
}

// noting remembers why a body broke off.
type noting struct {
	io.ReadCloser
	ctx     context.Context
	trouble *trouble
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.ReadCloser.Read(p)
	if err != nil && err != io.EOF && n.ctx.Err() == nil {
		n.trouble.note(err)
	}
	return k, err
}
