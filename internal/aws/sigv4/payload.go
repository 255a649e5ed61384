package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"
)

// Payload says how the signature covers the body.
type Payload uint8

// The payload modes.
const (
	// PayloadHashed: the SHA-256 of the whole body is signed.
	PayloadHashed Payload = iota
	// PayloadUnsigned: the body is not covered (S3 only).
	PayloadUnsigned
	// PayloadChunks: aws-chunked, each chunk signed (S3 only).
	PayloadChunks
	// PayloadChunksTrailer: the same with signed trailers (S3 only).
	PayloadChunksTrailer
	// PayloadUnsignedTrailer: aws-chunked, unsigned, with trailers (S3 only).
	PayloadUnsignedTrailer
	// PayloadEvents: an event stream of signed frames (bidirectional
	// operations only).
	PayloadEvents
)

// The values of x-amz-content-sha256 that are not a hash.
const (
	unsignedPayload  = "UNSIGNED-PAYLOAD"
	streamingChunks  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingEvents  = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
)

// payload returns the mode and the text that stands for the payload in the
// canonical request, "" where the body must be hashed first.
func (r *Rule) payload(c *claim, req *Request) (Payload, string, error) {
	given := req.Header.Values("X-Amz-Content-Sha256")
	if len(given) > 1 {
		return 0, "", r.refuse(BadPayload, "")
	}
	value := ""
	if len(given) == 1 && (!c.presigned || slices.Contains(c.signed, "x-amz-content-sha256")) {
		value = given[0]
	}
	if r.s3 && c.presigned && value == "" {
		value = unsignedPayload
		for part := range strings.SplitSeq(req.Query, "&") {
			if v, ok := strings.CutPrefix(part, "X-Amz-Content-Sha256="); ok {
				value = unescape(v, true)
			}
		}
	}
	mode, ok := r.mode(value)
	if !ok {
		return 0, "", r.refuse(BadPayload, "")
	}
	return mode, value, nil
}

func (r *Rule) mode(value string) (Payload, bool) {
	switch value {
	case "":
		return PayloadHashed, true
	case unsignedPayload:
		return PayloadUnsigned, r.s3
	case streamingChunks:
		return PayloadChunks, r.s3
	case streamingTrailer:
		return PayloadChunksTrailer, r.s3
	case unsignedTrailer:
		return PayloadUnsignedTrailer, r.s3
	case streamingEvents:
		return PayloadEvents, r.Events
	}
	sum, err := hex.DecodeString(value)
	return PayloadHashed, err == nil && len(sum) == sha256.Size && value == strings.ToLower(value)
}

// Reader returns the body without chunk framing, proving it on the way. A
// chunk is delivered only after its signature; a hashed body ends with io.EOF
// only if it is the signed one. So nothing read may take effect before io.EOF.
// Failures are a *Error. For PayloadEvents use Events instead: its body comes
// through unchanged here.
func (res *Result) Reader(body io.Reader) *Body {
	b := &Body{res: res, src: body}
	switch res.Payload {
	case PayloadHashed:
		b.sum = sha256.New()
	case PayloadChunks, PayloadChunksTrailer, PayloadUnsignedTrailer:
		b.chunks = newChunkReader(res, body)
	}
	return b
}

// Body is a body being proven. It is not safe for concurrent use.
type Body struct {
	res    *Result
	src    io.Reader
	sum    hash.Hash
	chunks *chunkReader
	err    error
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.chunks != nil {
		n, err := b.chunks.Read(p)
		b.err = err
		return n, err
	}
	n, err := b.src.Read(p)
	if b.sum != nil {
		b.sum.Write(p[:n])
		if err == io.EOF && hex.EncodeToString(b.sum.Sum(nil)) != b.res.PayloadHash {
			err = b.res.rule.refuse(PayloadDiffer, "")
		}
	}
	b.err = err
	return n, err
}

// Trailer returns the value of a trailer of an aws-chunked body by its
// lower-case name, after Read has returned io.EOF; "" if there is none.
func (b *Body) Trailer(name string) string {
	if b.chunks == nil || b.err != io.EOF {
		return ""
	}
	return b.chunks.trailers[name]
}
