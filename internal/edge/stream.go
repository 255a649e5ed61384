package edge

import (
	"errors"
	"io"
	"net/http"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
)

// encoder turns events into a dialect's stream.
type encoder interface {
	Append(dst []byte, ev model.Event) ([]byte, error)
	AppendError(dst []byte, err *model.Error) []byte
}

// pump writes a stream to the client as it comes. finish appends what ends a
// whole stream. The first event is awaited before the status is sent, so that
// a failure until then is an ordinary error answer.
func (c *call) pump(s model.Stream, contentType string, enc encoder, finish func([]byte) []byte) error {
	defer s.Close()
	c.stream = true
	buf := getBuffer()
	ev, err := s.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		putBuffer(buf)
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(c.w)
	dst := buf.AvailableBuffer()
	for {
		last := err != nil
		switch {
		case err == nil:
			dst, err = enc.Append(dst[:0], ev)
			if err != nil {
				dst, last = enc.AppendError(dst[:0], model.AsError(err)), true
			}
		case errors.Is(err, io.EOF):
			dst, err = finish(dst[:0]), nil
		default:
			dst = enc.AppendError(dst[:0], model.AsError(err))
		}
		if len(dst) > 0 {
			// After a failed write the buffer is not used again: HTTP/2 may still
			// be sending from it, on a connection that others may read.
			if _, werr := c.w.Write(dst); werr != nil {
				return clientGone(werr)
			}
			if werr := flush.Flush(); werr != nil {
				return clientGone(werr)
			}
		}
		if last {
			putBuffer(buf)
			return err
		}
		ev, err = s.Next()
	}
}

// named shows of an answer the model's name as its upstream says it, as the fast
// lane does, and the one it was asked by where it says none.
func named(answer *gateway.Answer) model.Stream {
	return &namedStream{Stream: answer.Stream, name: answer.Model}
}

type namedStream struct {
	model.Stream
	name string
}

func (s *namedStream) Next() (model.Event, error) {
	ev, err := s.Stream.Next()
	if ev.Kind == model.EventStart && ev.Model == "" {
		ev.Model = s.name
	}
	return ev, err
}

// Unwrap returns the stream within.
func (s *namedStream) Unwrap() model.Stream { return s.Stream }

// clientGone says that nobody is left to answer.
func clientGone(err error) error { return model.Wrap(model.Canceled, "edge.pump", err) }
