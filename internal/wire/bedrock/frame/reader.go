package frame

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// Message is one frame read from an upstream.
type Message struct {
	// Type is Event, Exception or Error.
	Type string
	// Name is the event's or exception's name; of an Error its code.
	Name string
	// Text is an Error's message.
	Text string
	// Payload is the JSON object; valid until the next call of Next.
	Payload []byte
}

// Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	src *source
	r   *bufio.Reader
	dec *eventstream.Decoder
	buf []byte
}

// NewReader returns a Reader of r, whose bytes may arrive at any split points.
func NewReader(r io.Reader) *Reader {
	src := &source{r: r}
	return &Reader{src: src, r: bufio.NewReader(src), dec: eventstream.NewDecoder(), buf: make([]byte, 0, 4096)}
}

// source remembers why reading failed, which the decoder wraps beyond recognition.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// ErrGarbage marks bytes that are no frames: a wrong checksum, length or header.
var ErrGarbage = errors.New("not an event stream")

// Next returns the next frame. It returns io.EOF only at the end of a frame;
// an end within one is io.ErrUnexpectedEOF, bytes that are no frame
// ErrGarbage, and any other error is the underlying reader's own.
func (r *Reader) Next() (Message, error) {
	if _, err := r.r.Peek(1); err != nil {
		return Message{}, err
	}
	m, err := r.dec.Decode(r.r, r.buf)
	switch {
	case err == nil:
	case r.src.err != nil:
		return Message{}, r.src.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Message{}, io.ErrUnexpectedEOF
	default:
		return Message{}, fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	if cap(m.Payload) > cap(r.buf) {
		r.buf = m.Payload[:0]
	}
	out := Message{Type: header(m, ":message-type"), Payload: m.Payload}
	switch out.Type {
	case Event:
		out.Name = header(m, ":event-type")
	case Exception:
		out.Name = header(m, ":exception-type")
	case Error:
		out.Name, out.Text = header(m, ":error-code"), header(m, ":error-message")
	default:
		return Message{}, fmt.Errorf("%w: unknown message type %q", ErrGarbage, out.Type)
	}
	return out, nil
}

func header(m eventstream.Message, name string) string {
	if s, ok := m.Headers.Get(name).(eventstream.StringValue); ok {
		return string(s)
	}
	return ""
}
