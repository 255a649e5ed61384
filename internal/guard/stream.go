package guard

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// Peek waits for a stream's first event and returns a stream that begins with
// it. A stream that fails before its first event is closed and its error
// returned. Pings and the like count: what has begun cannot be taken back.
func Peek(s model.Stream) (model.Stream, error) {
	if p, ok := s.(interface{ peeked() bool }); ok && p.peeked() {
		return s, nil
	}
	ev, err := s.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		s.Close()
		return nil, err
	}
	return &peekedStream{Stream: s, first: ev, err: err, held: true}, nil
}

type peekedStream struct {
	model.Stream
	first model.Event
	err   error
	held  bool
}

func (p *peekedStream) peeked() bool { return p.held }

func (p *peekedStream) Next() (model.Event, error) {
	if p.held {
		p.held = false
		ev, err := p.first, p.err
		p.first = model.Event{}
		return ev, err
	}
	if p.err != nil {
		return model.Event{}, p.err
	}
	return p.Stream.Next()
}

// Unwrap returns the stream within.
func (p *peekedStream) Unwrap() model.Stream { return p.Stream }

// OnEnd calls done once, when a result is finished or closed: a stream when
// Next fails or Close is called, a relayed body alike, anything else at once.
func OnEnd(result any, done func()) any {
	switch r := result.(type) {
	case model.Stream:
		return &endingStream{Stream: r, done: done}
	case *model.Relayed:
		if r != nil && r.Body != nil {
			bound := *r
			bound.Body = &endingBody{ReadCloser: r.Body, done: done}
			return &bound
		}
	}
	done()
	return result
}

type endingStream struct {
	model.Stream
	done func()
}

func (s *endingStream) Next() (model.Event, error) {
	ev, err := s.Stream.Next()
	if err != nil {
		s.done()
	}
	return ev, err
}

func (s *endingStream) Close() error {
	defer s.done()
	return s.Stream.Close()
}

func (s *endingStream) Unwrap() model.Stream { return s.Stream }

func (s *endingStream) peeked() bool {
	p, ok := s.Stream.(interface{ peeked() bool })
	return ok && p.peeked()
}

type endingBody struct {
	io.ReadCloser
	done func()
}

func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done()
	}
	return n, err
}

func (b *endingBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// Tried is an error after more than one call.
type Tried struct {
	Calls int
	Err   error
}

// Error is the last call's error.
func (t *Tried) Error() string { return t.Err.Error() }

// Unwrap returns the last call's error.
func (t *Tried) Unwrap() error { return t.Err }

type triedStream struct {
	model.Stream
	calls int
}

func (s *triedStream) Unwrap() model.Stream { return s.Stream }
func (s *triedStream) peeked() bool {
	p, ok := s.Stream.(interface{ peeked() bool })
	return ok && p.peeked()
}

// Count notes on an outcome how many calls it took, for [Attempts]. A stream, a
// relayed answer, embeddings and an error can carry it.
func Count(result any, err error, calls int) (any, error) {
	if calls < 2 {
		return result, err
	}
	switch r := result.(type) {
	case *model.Relayed:
		if r != nil { // with an error too: a bad status is both
			r.Calls = max(r.Calls, 1) + calls - 1
		}
	case *model.EmbedResponse:
		if r != nil {
			r.Calls = max(r.Calls, 1) + calls - 1
		}
	}
	if err != nil {
		return result, &Tried{Calls: calls, Err: err}
	}
	if s, ok := result.(model.Stream); ok {
		return &triedStream{Stream: s, calls: calls}, nil
	}
	return result, nil
}

// Attempts is how many upstream calls a result or an error took, as far as the
// guards in it noted; at least 1.
func Attempts(outcome any) int {
	n := 0
	switch v := outcome.(type) {
	case *model.Relayed:
		return max(v.Calls, 1)
	case *model.EmbedResponse:
		return max(v.Calls, 1)
	case model.Stream:
		for s := v; s != nil; {
			if t, ok := s.(*triedStream); ok {
				n += t.calls - 1
			}
			u, ok := s.(interface{ Unwrap() model.Stream })
			if !ok {
				break
			}
			s = u.Unwrap()
		}
	case error:
		var t *Tried
		for err := v; errors.As(err, &t); err = t.Err {
			n += t.Calls - 1
		}
	}
	return n + 1
}

// retryAfter reads the header's form in seconds; a date needs a clock and is left.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || seconds < 0 || seconds > 1e6 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
