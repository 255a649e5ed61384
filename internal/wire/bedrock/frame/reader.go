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
	r   *bufio.Reader
	dec *eventstream.Decoder
	buf []byte
}

// NewReader returns a Reader of r, whose bytes may arrive at any split points.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReader(r), dec: eventstream.NewDecoder(), buf: make([]byte, 0, 4096)}
}

// Next returns the next frame. It returns io.EOF only at the end of a frame;
// an end within one is io.ErrUnexpectedEOF, and a wrong checksum, length or
// header another error.
func (r *Reader) Next() (Message, error) {
	if _, err := r.r.Peek(1); err != nil {
		return Message{}, err
	}
	m, err := r.dec.Decode(r.r, r.buf)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Message{}, fmt.Errorf("event stream: %w", err)
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
		return Message{}, fmt.Errorf("event stream: unknown message type %q", out.Type)
	}
	return out, nil
}

func header(m eventstream.Message, name string) string {
	if s, ok := m.Headers.Get(name).(eventstream.StringValue); ok {
		return string(s)
	}
	return ""
}
