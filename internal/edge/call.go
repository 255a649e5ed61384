package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
)

// Headers of Craton's own that a client may send or read.
const (
	// StrictHeader refuses a request that loses even a hint, unless it says
	// "false", "0", "no" or "off".
	StrictHeader = "X-Craton-Strict"
	// LossHeader lists what the upstream could not be told, or the client of a
	// whole answer.
	LossHeader = "X-Craton-Losses"
	// ServedByHeader names the upstream and model that answered.
	ServedByHeader = "X-Craton-Served-By"
	// TagPrefix starts headers whose values are kept as usage tags:
	// "X-Craton-Tag-Project: alpha".
	TagPrefix = "X-Craton-Tag-"
)

// call is one authenticated request under way. It belongs to its handler's goroutine.
type call struct {
	h *Handler
	w *countingWriter
	// out is what w is of a call of its own, ids the values of its answer's headers.
	out countingWriter
	ids [1]string

	r      *http.Request
	d      *dialect
	id     string
	start  time.Time
	who    identity.Principal
	key    identity.Key
	brief  bool // proven by a short-term key
	body   []byte
	pooled *bytes.Buffer
	model  string
	served string
	stream bool
	// asked is what the gateway was asked; nil before it was.
	asked *gateway.Call
}

// handler serves a call. An error it returns before the first byte is written
// becomes the dialect's error answer; after that it is only logged.
type handler func(c *call) error

// handle registers a handler behind authentication and the permission check.
func (h *Handler) handle(pattern string, d *dialect, action identity.Action, serve handler) {
	serves := func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, d, action, nil, serve) }
	h.mux.HandleFunc(pattern, serves)
	if path, post := strings.CutPrefix(pattern, "POST "); post && !strings.HasSuffix(path, "/") && !strings.Contains(path, "{") {
		h.posts[path] = serves
	}
}

// serve runs one call from credential to access log.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, d *dialect, action identity.Action, services []string, serve handler) {
	c := h.newCall(w, r, d)
	c.run(func() error {
		if err := c.admit(action, services); err != nil {
			return err
		}
		return serve(c)
	})
}

// run serves the call and finishes it. A handler that breaks down is answered
// as an internal error where there is still time, and else cut off; either way
// the call gives back what it holds, or its key would lose it for good.
func (c *call) run(serve func() error) {
	broken := true
	defer func() {
		if !broken {
			return
		}
		p := recover()
		if p != http.ErrAbortHandler {
			c.h.opts.Log.Error("a handler broke down", "request_id", c.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		err := model.Wrap(model.Internal, "edge.run", errors.New("the handler broke down"))
		if c.asked != nil {
			c.asked.Abandon(err)
		}
		c.pooled = nil // whoever broke down may still hold it
		begun := c.w.wrote
		c.finish(err)
		if begun || p == http.ErrAbortHandler {
			panic(http.ErrAbortHandler)
		}
	}()
	err := serve()
	broken = false
	c.finish(err)
}

// newCall opens a call and labels its answer with the request's id.
func (h *Handler) newCall(w http.ResponseWriter, r *http.Request, d *dialect) *call {
	c := &call{h: h, out: countingWriter{ResponseWriter: w, patience: writePatience}, r: r, d: d, id: h.opts.NewID(), start: h.opts.Now()}
	c.w, c.ids[0] = &c.out, c.id
	header := w.Header()
	header[d.requestID] = c.ids[:1:1] // its name is canonical
	if d != openAI {
		header["X-Request-Id"] = c.ids[:1:1]
	}
	return c
}

// admit authenticates, reads and verifies the body, and checks permission.
func (c *call) admit(action identity.Action, services []string) error {
	if err := c.h.auth.authenticate(c, services); err != nil {
		return err
	}
	return c.permit(action)
}

// permit checks that the caller may do it, and carries the caller's identity on.
func (c *call) permit(action identity.Action) error {
	if c.brief && c.d == adminAPI {
		return model.Errorf(model.Forbidden, string(action), "A short-term key does not administrate this server.").
			WithHint("Use the access key it was made of, or an API key.")
	}
	if !c.who.Can(action) {
		return notPermitted(action)
	}
	ctx := identity.WithPrincipal(c.r.Context(), c.who)
	c.r = c.r.WithContext(ctx)
	return nil
}

func notPermitted(action identity.Action) error {
	return model.Errorf(model.Forbidden, string(action), "This credential may not do %s.", action).
		WithHint("Ask an administrator for a key with a role that allows it.")
}

// finish answers an error if there is one, releases what the call holds, and reports it.
func (c *call) finish(err error) {
	if err != nil && !c.w.wrote {
		e := model.AsError(err)
		c.rates()
		c.d.writeError(c.w, c.id, e, 0)
	}
	var trace string
	if c.asked != nil {
		c.asked.Drop(err)
		trace = c.asked.Span.TraceID()
		c.asked.Span.End(observe.Ended{Upstream: c.served, Model: c.model, Err: err}) // for calls the gateway refused; else it was ended
	}
	if c.pooled != nil {
		putBuffer(c.pooled)
	}
	c.h.opts.Access(observe.Access{
		At: c.start, RequestID: c.id, Method: c.r.Method, Path: c.r.URL.Path, Dialect: string(c.d.name),
		Tenant: c.who.Tenant.ID, KeyID: c.key.ID, Model: c.model, Upstream: c.served,
		Status: c.w.status(), Bytes: c.w.n, Duration: c.h.opts.Now().Sub(c.start),
		Stream: c.stream, Remote: c.r.RemoteAddr, TraceID: trace, Err: err,
	})
}

// gateway describes the call to the gateway, and returns the context to make it
// with, which carries its span.
func (c *call) gateway(operation, asked string) (context.Context, *gateway.Call) {
	if c.asked != nil {
		return c.r.Context(), c.asked // the fast lane gave way to the slow one
	}
	c.model = asked
	c.asked = &gateway.Call{
		Principal: c.who, Key: c.key, Dialect: c.d.name, Operation: operation,
		RequestID: c.id, Tags: tags(c.key.Tags, c.r.Header), Strict: c.strict(),
	}
	if t := c.h.opts.Telemetry; t != nil {
		ctx, span := t.Begin(c.r.Context(), c.r.Header, observe.Operation{
			Name: operation, Model: asked, Dialect: string(c.d.name), RequestID: c.id,
		})
		if c.asked.Span = span; ctx != c.r.Context() {
			c.r = c.r.WithContext(ctx)
		}
	}
	return c.r.Context(), c.asked
}

// label labels the answer with who gave it and what was lost on the way.
func (c *call) label(upstream, name string, losses []model.Loss) {
	c.served = upstream
	c.rates()
	header := c.w.Header()
	header[ServedByHeader] = []string{upstream + "/" + name}
	if len(losses) == 0 {
		return
	}
	header.Set(LossHeader, lossText(losses))
}

// lossText is what LossHeader says.
func lossText(losses []model.Loss) string {
	list := make([]string, 0, len(losses))
	for _, l := range losses {
		list = append(list, l.Path+": "+l.What)
	}
	return headerSafe(strings.Join(list, "; "))
}

// strict reports whether the client wants nothing lost. A word that is neither
// yes nor no counts as yes: whoever sends the header wants to be told.
func (c *call) strict() bool {
	switch strings.ToLower(strings.TrimSpace(c.r.Header.Get(StrictHeader))) {
	case "", "false", "0", "no", "off":
		return false
	}
	return true
}

// rates tells the caller what is left of its limits.
func (c *call) rates() {
	if c.d.rates != nil && c.asked != nil {
		c.d.rates(c.w.Header(), c.asked.Limits, c.h.opts.Now())
	}
}

// jsonType is shared by the headers of answers, which replace it or leave it.
var jsonType = []string{"application/json"}

// json answers 200 with a JSON body.
func (c *call) json(body []byte) error {
	header := c.w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, err := c.w.Write(body)
	return err
}

// tags joins the tags of the request's headers with the key's own, which win:
// an administrator's accounting is not the caller's to change.
func tags(key map[string]string, header http.Header) map[string]string {
	all := key
	copied := false
	for name, values := range header {
		tag, ok := strings.CutPrefix(name, TagPrefix)
		if tag = strings.ToLower(tag); !ok || hasFold(key, tag) {
			continue
		}
		if !copied {
			copied = true
			all = make(map[string]string, len(key)+1)
			maps.Copy(all, key)
		}
		if len(all) < 16 {
			all[tag] = truncate(values[0], 256)
		}
	}
	return all
}

// hasFold reports whether tags hold a name, which is in lower case.
func hasFold(tags map[string]string, name string) bool {
	for have := range tags {
		if strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}

func truncate(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// headerSafe replaces what may not stand in a header value.
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, truncate(s, 2048))
}

// readBody reads the whole body into a pooled buffer, up to the limit.
func (c *call) readBody() error {
	limit := c.h.opts.MaxBodyBytes
	if c.r.ContentLength > limit {
		return tooLarge(limit)
	}
	if enc := c.r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" && !strings.Contains(enc, "aws-chunked") {
		return model.Errorf(model.Unsupported, "Content-Encoding", "Request bodies in %q encoding are not accepted.", enc).
			WithHint("Send the body uncompressed.")
	}
	buf := getBuffer()
	c.pooled = buf
	if c.r.ContentLength > 0 {
		// Memory beyond an ordinary request is taken as bytes come, not as they are announced.
		buf.Grow(int(min(c.r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(c.r.Body, limit+1))
	if n > limit {
		return tooLarge(limit)
	}
	if err != nil {
		kind := model.Invalid
		if errors.Is(c.r.Context().Err(), context.Canceled) {
			kind = model.Canceled
		}
		e := model.Wrap(kind, "edge.readBody", err)
		e.Message, e.Hint = "The request body ended early.", "Send as many bytes as Content-Length says."
		return e
	}
	c.body = buf.Bytes()
	return nil
}

// ensureBody reads the body unless the signature check did already.
func (c *call) ensureBody() error {
	if c.body != nil {
		return nil
	}
	return c.readBody()
}

func tooLarge(limit int64) error {
	return model.Errorf(model.TooLarge, "body", "The request body is larger than %d bytes.", limit).
		WithHint("Send less, or have the operator raise limits.max_body_bytes.")
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func getBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

// putBuffer keeps ordinary buffers and lets huge ones go.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() > 1<<20 {
		return
	}
	b.Reset()
	buffers.Put(b)
}

// hops lists the servers a request passed through, as its loop header tells.
func (c *call) hops() []string { return hopsOf(c.r.Header) }
