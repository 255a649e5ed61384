// Package frame reads and writes the event-stream frames of the
// bedrock-runtime contract. It is for the Converse and InvokeModel codecs,
// which share it.
//
// Writing appends to a caller's buffer without allocating, because it runs once
// for every token; reading uses the AWS SDK's own decoder, so both checksums
// are verified.
//
// The format is application/vnd.amazon.eventstream: total length, headers
// length, CRC-32 of those eight bytes, headers, payload, CRC-32 of everything
// before it; integers are big-endian. Each payload is one JSON object, not
// wrapped in its event's name.
//
//	dst, start := frame.Open(dst, frame.Event, "contentBlockStop")
//	dst = append(dst, `{"contentBlockIndex":0}`...)
//	dst = frame.Close(dst, start)
package frame

import (
	"encoding/binary"
	"hash/crc32"
)

// ContentType is the HTTP Content-Type of an event stream.
const ContentType = "application/vnd.amazon.eventstream"

// The values of the :message-type header.
const (
	Event     = "event"
	Exception = "exception"
	Error     = "error"
)

const (
	preludeLen = 12
	stringType = 7
)

// Open appends the prelude and headers of a frame of the given message type
// (Event or Exception) and event or exception name, and returns the buffer and
// where the frame starts. The caller appends the JSON payload and calls Close.
func Open(dst []byte, messageType, name string) ([]byte, int) {
	start := len(dst)
	dst = append(dst, make([]byte, preludeLen)...)
	if messageType == Exception {
		dst = appendHeader(dst, ":exception-type", name)
	} else {
		dst = appendHeader(dst, ":event-type", name)
	}
	dst = appendHeader(dst, ":content-type", "application/json")
	dst = appendHeader(dst, ":message-type", messageType)
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-preludeLen))
	return dst, start
}

// Close completes the frame that Open began at start.
func Close(dst []byte, start int) []byte {
	total := len(dst) - start + 4
	binary.BigEndian.PutUint32(dst[start:], uint32(total))
	binary.BigEndian.PutUint32(dst[start+8:], crc32.ChecksumIEEE(dst[start:start+8]))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

// Cut takes the first frame off a buffer that Open and Close wrote, without
// checking it: the name in its first header, and its payload. It returns nil
// for rest when b holds no whole frame.
func Cut(b []byte) (name, payload, rest []byte) {
	if len(b) < preludeLen {
		return nil, nil, nil
	}
	total, headers := int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
	if total < preludeLen+headers+4 || total > len(b) || headers < 1 {
		return nil, nil, nil
	}
	first := b[preludeLen : preludeLen+headers]
	if at := 1 + int(first[0]) + 3; len(first) >= at {
		if n := int(binary.BigEndian.Uint16(first[at-2:])); len(first) >= at+n {
			return first[at : at+n], b[preludeLen+headers : total-4], b[total:]
		}
	}
	return nil, nil, nil
}

func appendHeader(dst []byte, name, value string) []byte {
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, stringType, byte(len(value)>>8), byte(len(value)))
	return append(dst, value...)
}
