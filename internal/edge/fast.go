package edge

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
)

// fastRequest is what the fast lane knows of a request it does not decode.
type fastRequest struct {
	model  string
	stream bool
	// bound is an upper estimate of what it may use, for the budget.
	bound model.Usage
	// watch reads usage off the streamed answer, made for this request.
	watch func() watcher
	// rename puts the upstream's model name into the body.
	rename func(body []byte, name string) ([]byte, error)
}

// watcher sees a stream go by.
type watcher interface {
	// Pass appends to dst what of p the client gets.
	Pass(dst, p []byte) []byte
	// End appends what was held back, or an error event when the stream broke
	// off: half an event is of no use to anybody.
	End(dst []byte, broken *model.Error) []byte
	// Usage is what was read off the stream so far, and whether that is the
	// usage of the whole answer.
	Usage() (model.Usage, bool)
}

// fastDialect is what the fast lane needs of a dialect.
type fastDialect struct {
	dialect   model.Dialect
	operation string
	// named reads only the model's name, and may be wrong of a body that peek
	// refuses; nil where most requests pass and peek comes first.
	named func(body []byte) string
	// peek reads what the lane needs; ok is false when the body is for the slow lane.
	peek func(body []byte) (fastRequest, bool)
	// usage reads the usage of a whole answer.
	usage func(body []byte) (model.Usage, bool)
	// failed tells from the last bytes of a stream whether the upstream ended it with an error.
	failed func(tail []byte) bool
	// forward lists request headers that are part of the dialect.
	forward []string
}

// fileMember is in every body that names an uploaded file, unless it is written
// in escapes, which no client does and which only keep the file from being found.
var fileMember = []byte("file_id")

// fastLane passes the request through if routing allows it. done is false when
// the slow lane must serve it, for reasons that lane will name.
func (c *call) fastLane(d *fastDialect) (done bool, err error) {
	if d.named != nil && !c.h.opts.Gateway.Passes(&c.who, d.dialect, d.named(c.body)) {
		return false, nil
	}
	f, ok := d.peek(c.body)
	if !ok {
		return false, nil
	}
	ctx, asked := c.gateway(d.operation, f.model)
	lane, ok := c.h.opts.Gateway.Lane(asked, f.model)
	if !ok {
		return false, nil
	}
	if !lane.Addresses && mayNameAddress(c.body) {
		return false, nil // the slow lane fetches it, or refuses
	}
	if c.h.opts.Files != nil && bytes.Contains(c.body, fileMember) {
		return false, nil // the slow lane sends the content of a file that is kept here
	}
	body, err := f.rename(c.body, lane.Model)
	if err != nil {
		return false, nil // the slow lane says what is wrong with it
	}
	if &body[0] == &c.body[0] {
		// The transport may still be sending the body when the answer is finished:
		// the buffer is not used again.
		c.pooled = nil
	}
	passed, retry, err := lane.Relay(ctx, &model.Exchange{
		Dialect: d.dialect, Operation: d.operation, Model: lane.Model, Stream: f.stream,
		Header: pick(c.r.Header, d.forward), Body: body, Hops: c.hops(),
	}, f.bound)
	if err != nil {
		return !retry, err
	}
	c.label(passed.Upstream, passed.Model, nil)
	defer passed.Body.Close()
	header := c.w.Header()
	for name, values := range passed.Header {
		if name != c.d.requestID {
			header[name] = values
		}
	}
	if f.stream && passed.Status < 300 {
		return true, c.passStream(d, passed, f.watch())
	}
	return true, c.passWhole(d, passed)
}

// passWhole copies an answer that is not a stream.
func (c *call) passWhole(d *fastDialect, p *gateway.Passed) error {
	buf := getBuffer()
	_, err := buf.ReadFrom(p.Body)
	if err != nil {
		putBuffer(buf)
		err = c.brokenOff(err)
		p.Done(nil, err)
		c.w.Header().Del("Content-Length")
		return err
	}
	p.First()
	if usage, seen := d.usage(buf.Bytes()); seen {
		p.Done(&usage, nil)
	} else {
		p.Done(nil, nil)
	}
	c.w.WriteHeader(p.Status)
	if _, err = c.w.Write(buf.Bytes()); err == nil {
		putBuffer(buf) // else HTTP/2 may still be sending from it
	}
	return err
}

// passStream copies a stream as it comes.
func (c *call) passStream(d *fastDialect, p *gateway.Passed, w watcher) error {
	c.stream = true
	c.w.Header().Del("Content-Length")
	c.w.Header().Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(p.Status)
	broken, err := c.copyStream(d, p, w)
	if broken != nil {
		err = broken
		if out := w.End(nil, broken); len(out) > 0 {
			_, _ = c.w.Write(out) // the connection ends either way
		}
	}
	usage, whole := w.Usage()
	if err != nil && broken == nil && !whole {
		p.Drain(func(rest []byte) { w.Pass(nil, rest) })
		usage, whole = w.Usage()
	}
	if whole {
		p.Done(&usage, err)
	} else {
		p.Partial(usage, err)
	}
	return err
}

// copyStream returns broken when the upstream broke off, err when the client
// did or when the upstream's last event was an error, which was passed on.
func (c *call) copyStream(d *fastDialect, p *gateway.Passed, w watcher) (broken *model.Error, err error) {
	flush := http.NewResponseController(c.w)
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	var out, tail []byte
	first := true
	for {
		n, rerr := p.Body.Read(*chunk)
		if n > 0 && first {
			first = false
			p.First()
		}
		out, tail = w.Pass(out[:0], (*chunk)[:n]), keepTail(tail, (*chunk)[:n])
		if errors.Is(rerr, io.EOF) {
			out = w.End(out, nil)
		}
		if len(out) > 0 {
			if _, err := c.w.Write(out); err != nil {
				return nil, clientGone(err)
			}
			if err := flush.Flush(); err != nil {
				return nil, clientGone(err)
			}
		}
		switch {
		case errors.Is(rerr, io.EOF) && d.failed(tail):
			return nil, model.Errorf(model.UpstreamDown, "", "The upstream ended its stream with an error.")
		case errors.Is(rerr, io.EOF):
			return nil, nil
		case c.r.Context().Err() != nil:
			return nil, clientGone(c.r.Context().Err())
		case rerr != nil:
			return c.brokenOff(rerr), nil
		}
	}
}

// brokenOff is why an answer could not be read to its end: the client went
// away, a guard ended it and says so, or the upstream broke off.
func (c *call) brokenOff(err error) *model.Error {
	var known *model.Error
	switch {
	case c.r.Context().Err() != nil:
		return model.AsError(clientGone(c.r.Context().Err()))
	case errors.As(err, &known):
		return known
	}
	e := model.Wrap(model.UpstreamDown, "edge.brokenOff", err)
	e.Message, e.Hint = "The upstream broke off its answer.", "Try again."
	return e
}

// tailBytes is how much of a stream's end is looked at for an error.
const tailBytes = 2 << 10

// keepTail appends p to tail and keeps the last tailBytes of it.
func keepTail(tail, p []byte) []byte {
	if len(p) >= tailBytes {
		return append(tail[:0], p[len(p)-tailBytes:]...)
	}
	if drop := len(tail) + len(p) - tailBytes; drop > 0 {
		tail = append(tail[:0], tail[drop:]...)
	}
	return append(tail, p...)
}

// chunks are the buffers streams are copied through. A slow stream holds one
// while it waits, so they are small.
var chunks = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}

// pick copies the named headers, if present.
func pick(h http.Header, names []string) http.Header {
	var out http.Header
	for _, name := range names {
		if values := h.Values(name); len(values) > 0 {
			if out == nil {
				out = http.Header{}
			}
			out[http.CanonicalHeaderKey(name)] = values
		}
	}
	return out
}
