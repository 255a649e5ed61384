package eventstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Type is the wire type of a header value.
type Type uint8

// The header types of the protocol.
const (
	TypeTrue Type = iota
	TypeFalse
	TypeByte
	TypeShort
	TypeInt
	TypeLong
	TypeBytes
	TypeString
	TypeTimestamp
	TypeUUID
)

// width returns the fixed size of a value in bytes, or -1 where a 16-bit
// length precedes it.
func (t Type) width() (int, bool) {
	switch t {
	case TypeTrue, TypeFalse:
		return 0, true
	case TypeByte:
		return 1, true
	case TypeShort:
		return 2, true
	case TypeInt:
		return 4, true
	case TypeLong, TypeTimestamp:
		return 8, true
	case TypeUUID:
		return 16, true
	case TypeBytes, TypeString:
		return -1, true
	}
	return 0, false
}

// Header is one header of a frame. Name and Value point into the frame's
// buffer and live as long as it.
type Header struct {
	Name  string
	Type  Type
	Value []byte // wire form without the length prefix
}

// StringHeader returns a header of type string.
func StringHeader(name, value string) Header {
	return Header{Name: name, Type: TypeString, Value: []byte(value)}
}

// TimeHeader returns a header of type timestamp (milliseconds since 1970).
func TimeHeader(name string, t time.Time) Header {
	return Header{Name: name, Type: TypeTimestamp, Value: binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli()))}
}

// BytesHeader returns a header of type byte array.
func BytesHeader(name string, value []byte) Header {
	return Header{Name: name, Type: TypeBytes, Value: value}
}

// Frame is one decoded frame. Its parts point into the buffer it was decoded
// from: they are valid until the Reader's next call or, from a Decoder, until
// the callback returns. Copy what must live longer.
type Frame struct {
	Headers    []Header
	RawHeaders []byte // the headers as they were on the wire
	Payload    []byte
}

// Text returns the string header called name, or "" if there is none of that
// name and type.
func (f *Frame) Text(name string) string {
	for i := range f.Headers {
		if f.Headers[i].Name == name && f.Headers[i].Type == TypeString {
			return string(f.Headers[i].Value)
		}
	}
	return ""
}

// Bytes returns the byte-array header called name.
func (f *Frame) Bytes(name string) ([]byte, bool) {
	for i := range f.Headers {
		if f.Headers[i].Name == name && f.Headers[i].Type == TypeBytes {
			return f.Headers[i].Value, true
		}
	}
	return nil, false
}

// Time returns the timestamp header called name, in UTC.
func (f *Frame) Time(name string) (time.Time, bool) {
	for i := range f.Headers {
		if f.Headers[i].Name == name && f.Headers[i].Type == TypeTimestamp {
			return time.UnixMilli(int64(binary.BigEndian.Uint64(f.Headers[i].Value))).UTC(), true
		}
	}
	return time.Time{}, false
}

// AppendSigned appends what an envelope's signature covers of its headers: all
// but the signature itself, as they were on the wire.
func (f *Frame) AppendSigned(dst []byte) []byte {
	for rest := f.RawHeaders; len(rest) > 0; {
		h, tail, err := parseHeader(rest)
		if err != nil {
			return dst // cannot be: the frame was parsed from these bytes
		}
		if h.Name != HeaderSignature {
			dst = append(dst, rest[:len(rest)-len(tail)]...)
		}
		rest = tail
	}
	return dst
}

// Kind returns what the frame is and the name that goes with it: MessageEvent
// with the event type, MessageException with the exception type, MessageError
// with the error code. A frame without :message-type counts as an event.
func (f *Frame) Kind() (kind, name string) {
	switch kind = f.Text(HeaderMessageType); kind {
	case MessageException:
		return kind, f.Text(HeaderExceptionType)
	case MessageError:
		return kind, f.Text(HeaderErrorCode)
	case "", MessageEvent:
		return MessageEvent, f.Text(HeaderEventType)
	}
	return kind, ""
}

// Errors of decoding. They are wrapped with the figures of the case.
var (
	ErrChecksum = errors.New("eventstream: checksum does not match")
	ErrTooLarge = errors.New("eventstream: frame exceeds the limit")
	ErrHeader   = errors.New("eventstream: malformed header")
	ErrLength   = errors.New("eventstream: impossible length")
)

// frameLen checks the prelude at the start of b, which holds at least
// preludeLen bytes, and returns the length of the whole frame.
func frameLen(b []byte, limit int) (int, error) {
	if got, want := crc32.ChecksumIEEE(b[:8]), binary.BigEndian.Uint32(b[8:]); got != want {
		return 0, fmt.Errorf("%w: prelude", ErrChecksum)
	}
	total, headers := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	switch {
	case total < overhead || headers > total-overhead:
		return 0, fmt.Errorf("%w: total %d, headers %d", ErrLength, total, headers)
	case uint64(total) > uint64(limit):
		return 0, fmt.Errorf("%w: %d > %d bytes", ErrTooLarge, total, limit)
	}
	return int(total), nil
}

// parse reads the whole frame b, whose prelude frameLen has accepted. It
// reuses f.Headers.
func (f *Frame) parse(b []byte) error {
	body := b[:len(b)-trailerLen]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(b[len(body):]) {
		return fmt.Errorf("%w: message", ErrChecksum)
	}
	n := int(binary.BigEndian.Uint32(b[4:]))
	f.RawHeaders = body[preludeLen : preludeLen+n]
	f.Payload = body[preludeLen+n:]
	f.Headers = f.Headers[:0]
	for rest := f.RawHeaders; len(rest) > 0; {
		h, tail, err := parseHeader(rest)
		if err != nil {
			return err
		}
		f.Headers, rest = append(f.Headers, h), tail
	}
	return nil
}

func parseHeader(b []byte) (Header, []byte, error) {
	n := int(b[0])
	if n == 0 || len(b) < 1+n+1 {
		return Header{}, nil, fmt.Errorf("%w: name of %d bytes", ErrHeader, n)
	}
	h := Header{Name: intern(b[1 : 1+n]), Type: Type(b[1+n])}
	b = b[2+n:]
	width, ok := h.Type.width()
	if !ok {
		return Header{}, nil, fmt.Errorf("%w: unknown type %d", ErrHeader, h.Type)
	}
	if width < 0 {
		if len(b) < 2 {
			return Header{}, nil, fmt.Errorf("%w: no value", ErrHeader)
		}
		width, b = int(binary.BigEndian.Uint16(b)), b[2:]
	}
	if len(b) < width {
		return Header{}, nil, fmt.Errorf("%w: value of %d bytes in %d", ErrHeader, width, len(b))
	}
	h.Value = b[:width:width]
	return h, b[width:], nil
}

// intern returns name as a string without allocating for the usual ones.
func intern(name []byte) string {
	switch string(name) {
	case HeaderMessageType:
		return HeaderMessageType
	case HeaderEventType:
		return HeaderEventType
	case HeaderContentType:
		return HeaderContentType
	case HeaderExceptionType:
		return HeaderExceptionType
	}
	return string(name)
}
