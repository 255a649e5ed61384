package eventstream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf8"
)

// Writer sends frames to one response. It is not safe for concurrent use.
// After an error every later call returns that error: a stream with a hole in
// it cannot be continued.
type Writer struct {
	w     io.Writer
	flush func() error
	buf   []byte
	err   error
}

// NewWriter returns a Writer on w. flush, if not nil, is called after every
// frame so that it leaves at once; pass http.ResponseController.Flush.
func NewWriter(w io.Writer, flush func() error) *Writer {
	return &Writer{w: w, flush: flush}
}

// Event sends one event. eventType is the member name of the stream's union
// ("contentBlockDelta"), payload the JSON of that member's structure, not
// wrapped in the member name. payload is not kept.
func (w *Writer) Event(eventType string, payload []byte) error {
	b, err := AppendEvent(w.buf[:0], eventType, payload)
	return w.send(b, err)
}

// Exception sends a modelled exception. name is the member name of the
// stream's union in lower camel case ("throttlingException"), payload its JSON
// with at least a "message". It must be the last frame of a stream.
func (w *Writer) Exception(name string, payload []byte) error {
	b, err := AppendException(w.buf[:0], name, payload)
	return w.send(b, err)
}

// Error sends an unmodelled error; prefer Exception where the stream's model
// has a fitting one. It must be the last frame of a stream.
func (w *Writer) Error(code, message string) error {
	b, err := AppendError(w.buf[:0], code, message)
	return w.send(b, err)
}

// Raw sends bytes that already hold whole frames, as made by the Append
// functions: several frames may leave in one write and one flush.
func (w *Writer) Raw(frames []byte) error {
	if w.err == nil {
		w.err = w.write(frames)
	}
	return w.err
}

func (w *Writer) send(b []byte, err error) error {
	if w.err != nil {
		return w.err
	}
	if err != nil {
		return err // nothing was sent: the stream is intact
	}
	w.buf = b
	w.err = w.write(b)
	return w.err
}

func (w *Writer) write(b []byte) error {
	if _, err := w.w.Write(b); err != nil {
		return err
	}
	if w.flush == nil {
		return nil
	}
	return w.flush()
}

// AppendEvent appends one event frame to dst; see [Writer.Event].
func AppendEvent(dst []byte, eventType string, payload []byte) ([]byte, error) {
	return appendJSON(dst, HeaderEventType, eventType, MessageEvent, payload)
}

// AppendException appends one exception frame to dst; see [Writer.Exception].
func AppendException(dst []byte, name string, payload []byte) ([]byte, error) {
	return appendJSON(dst, HeaderExceptionType, name, MessageException, payload)
}

// AppendError appends one error frame to dst; see [Writer.Error].
// Texts longer than a header can hold are cut.
func AppendError(dst []byte, code, message string) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, preludeLen)...)
	dst = appendString(dst, HeaderErrorCode, cut(code))
	dst = appendString(dst, HeaderErrorMessage, cut(message))
	dst = appendString(dst, HeaderMessageType, MessageError)
	return finish(dst, start, len(dst), nil)
}

// cut shortens s to what a header value can hold, at a character boundary.
func cut(s string) string {
	if len(s) <= maxValueLen {
		return s
	}
	n := maxValueLen
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func appendJSON(dst []byte, header, name, kind string, payload []byte) ([]byte, error) {
	if name == "" || len(name) > maxValueLen {
		return dst, fmt.Errorf("eventstream: the %s of a frame must have 1 to %d bytes, not %d", header, maxValueLen, len(name))
	}
	start := len(dst)
	dst = append(dst, make([]byte, preludeLen)...)
	dst = appendString(dst, header, name)
	dst = appendString(dst, HeaderContentType, jsonType)
	dst = appendString(dst, HeaderMessageType, kind)
	return finish(dst, start, len(dst), payload)
}

func appendString(dst []byte, name, value string) []byte {
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, byte(TypeString))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}

// finish fills in the prelude at start and appends payload and checksum.
func finish(dst []byte, start, headersEnd int, payload []byte) ([]byte, error) {
	total := headersEnd - start + len(payload) + trailerLen
	if total > MaxFrame {
		return dst[:start], fmt.Errorf("eventstream: frame of %d bytes exceeds the protocol's %d; send the payload in several events", total, MaxFrame)
	}
	dst = append(dst, payload...)
	binary.BigEndian.PutUint32(dst[start:], uint32(total))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(headersEnd-start-preludeLen))
	binary.BigEndian.PutUint32(dst[start+8:], crc32.ChecksumIEEE(dst[start:start+8]))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:])), nil
}

// AppendFrame appends a frame with any headers to dst. It serves what the
// JSON helpers do not: signed envelopes and tests. Header names must be 1 to
// 255 bytes and string or byte values at most 32,767 bytes.
func AppendFrame(dst []byte, headers []Header, payload []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, preludeLen)...)
	dst, err := AppendHeaders(dst, headers)
	if err != nil {
		return dst[:start], err
	}
	return finish(dst, start, len(dst), payload)
}

// AppendHeaders appends the encoded form of headers, in order, to dst: the
// bytes that a signed frame's signature covers.
func AppendHeaders(dst []byte, headers []Header) ([]byte, error) {
	for i := range headers {
		h := &headers[i]
		if h.Name == "" || len(h.Name) > maxNameLen {
			return dst, fmt.Errorf("eventstream: header name must have 1 to %d bytes, not %d", maxNameLen, len(h.Name))
		}
		width, ok := h.Type.width()
		if !ok || (width >= 0 && len(h.Value) != width) || len(h.Value) > maxValueLen {
			return dst, fmt.Errorf("eventstream: header %q: type %d cannot hold %d bytes", h.Name, h.Type, len(h.Value))
		}
		dst = append(dst, byte(len(h.Name)))
		dst = append(dst, h.Name...)
		dst = append(dst, byte(h.Type))
		if width < 0 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.Value)))
		}
		dst = append(dst, h.Value...)
	}
	return dst, nil
}
