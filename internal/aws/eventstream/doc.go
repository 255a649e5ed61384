// Package eventstream frames and unframes the binary event streams of AWS
// services (application/vnd.amazon.eventstream), for the edge that answers
// ConverseStream and for the upstream client that reads it.
//
// A frame is total length, header length, CRC of those two, headers, payload,
// CRC of all before it; integers are big endian and CRCs are CRC-32 (IEEE).
// The package guarantees that a [Writer] sends each frame in one Write and
// flushes it, that writing does not allocate once its buffer has grown, and
// that a [Reader] or [Decoder] yields the same frames however the bytes were
// split, never trusts a length before its checksum, and never buffers more
// than its limit.
//
//	w := eventstream.NewWriter(rw, http.NewResponseController(rw).Flush)
//	err := w.Event("messageStart", []byte(`{"role":"assistant"}`))
//	// … later, when the upstream breaks after the first byte:
//	err = w.Exception("modelStreamErrorException", []byte(`{"message":"…"}`))
//
// The encoder of the AWS SDK for Go is the judge of this one in tests; it is
// not used on the way because it allocates about twenty times for each frame
// and its decoder trusts the declared header length.
package eventstream

// ContentType is the media type of a response that carries a stream.
const ContentType = "application/vnd.amazon.eventstream"

// Sizes of the fixed parts of a frame in bytes.
const (
	preludeLen  = 12 // total length, header length, CRC
	trailerLen  = 4  // CRC of everything before it
	overhead    = preludeLen + trailerLen
	maxNameLen  = 255
	maxValueLen = 1<<15 - 1
)

// MaxFrame is the largest frame, in bytes, that the protocol allows for
// payloads (16 MiB) plus headers (128 KiB) plus framing; it is the limit of a
// Reader or Decoder made with limit 0.
const MaxFrame = 16<<20 + 128<<10 + overhead

// Names of the headers that every frame of these services carries.
const (
	HeaderMessageType   = ":message-type"
	HeaderEventType     = ":event-type"
	HeaderExceptionType = ":exception-type"
	HeaderContentType   = ":content-type"
	HeaderErrorCode     = ":error-code"
	HeaderErrorMessage  = ":error-message"
	HeaderDate          = ":date"
	HeaderSignature     = ":chunk-signature"
)

// Values of the :message-type header.
const (
	MessageEvent     = "event"
	MessageException = "exception"
	MessageError     = "error"
)

const jsonType = "application/json"
