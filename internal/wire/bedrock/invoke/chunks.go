package invoke

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/tidwall/gjson"
)

// chunks reads the native objects of an upstream's stream, one chunk frame each.
type chunks struct {
	src    io.ReadCloser
	frames *frame.Reader
	closed atomic.Bool
	// metrics is what the last object told of the invocation; nil before.
	metrics *metricsShape
	// buf holds what Read has not yet handed out.
	buf []byte
	err error
	// wrap turns an object into the text Read hands out.
	wrap func(dst, object []byte) []byte
}

type metricsShape struct {
	Input      int64 `json:"inputTokenCount"`
	Output     int64 `json:"outputTokenCount"`
	CacheRead  int64 `json:"cacheReadInputTokenCount"`
	CacheWrite int64 `json:"cacheWriteInputTokenCount"`
}

func newChunks(r io.ReadCloser) *chunks {
	return &chunks{src: r, frames: frame.NewReader(r)}
}

// next returns the next native object, valid until the call after; io.EOF at a
// clean end. Other errors are *model.Error.
func (c *chunks) next() ([]byte, error) {
	for {
		m, err := c.frames.Next()
		switch {
		case err == nil:
		case c.closed.Load():
			return nil, &model.Error{Kind: model.Canceled, Op: "wire/bedrock/invoke", Message: "The answer was closed.", Err: err}
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		default:
			return nil, bedrock.ReadError(err)
		}
		if m.Type != frame.Event {
			return nil, bedrock.DecodeException(m)
		}
		if m.Name != "chunk" {
			continue
		}
		var chunk struct {
			Bytes []byte `json:"bytes"`
		}
		if err := object.ParseAnswer(m.Payload, &chunk); err != nil {
			return nil, garbage(err)
		}
		if !object.Is(chunk.Bytes) {
			return nil, garbage(model.Errorf(model.Invalid, "bytes", "A chunk holds no JSON object."))
		}
		c.note(chunk.Bytes)
		return chunk.Bytes, nil
	}
}

// note keeps the invocation metrics of the last object.
func (c *chunks) note(native []byte) {
	if v := gjson.GetBytes(native, metricsName); v.IsObject() {
		var m metricsShape
		if object.ParseAnswer([]byte(v.Raw), &m) == nil {
			c.metrics = &m
		}
	}
}

// Read hands the objects out in another framing, for a decoder of that framing.
func (c *chunks) Read(p []byte) (int, error) {
	for len(c.buf) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		native, err := c.next()
		if err != nil {
			c.err = err
			continue
		}
		c.buf = c.wrap(c.buf[:0], native)
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}

// Close releases the upstream; it may run beside next and Read.
func (c *chunks) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.src.Close()
}

// sse makes Read hand out server-sent events.
func (c *chunks) sse() io.ReadCloser {
	c.wrap = func(dst, native []byte) []byte {
		if typ := gjson.GetBytes(native, "type").String(); typ != "" {
			dst = append(append(append(dst, "event: "...), typ...), '\n')
		}
		dst = append(dst, "data: "...)
		for _, b := range native {
			if b != '\n' && b != '\r' { // white space between members
				dst = append(dst, b)
			}
		}
		return append(dst, "\n\n"...)
	}
	return c
}

// metered replaces usage the family's own objects do not tell by the metrics.
type metered struct {
	model.Stream
	chunks *chunks
}

// Next returns the next event; see model.Stream.
func (s *metered) Next() (model.Event, error) {
	ev, err := s.Stream.Next()
	if m := s.chunks.metrics; err == nil && m != nil && ev.Kind == model.EventUsage && ev.Usage != nil && ev.Usage.Absent {
		u := *ev.Usage
		u.Absent = false
		u.Input, u.Output, u.CacheRead, u.CacheWrite5m = m.Input, m.Output, m.CacheRead, m.CacheWrite
		ev.Usage = &u
	}
	return ev, err
}

func garbage(cause error) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/bedrock/invoke", Err: cause,
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
