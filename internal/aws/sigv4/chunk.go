package sigv4

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of the aws-chunked form. A chunk is held whole until its signature is
// proven; SDKs send 64 KiB to 1 MiB.
const (
	maxChunk    = 16 << 20
	maxLine     = 4 << 10
	maxTrailers = 16
)

// chunkReader reads an aws-chunked body as the S3 API reference describes it
// under "Signature calculations: transferring payload in multiple chunks".
type chunkReader struct {
	res      *Result
	r        *bufio.Reader
	signed   bool
	previous []byte // hex of the previous signature
	buf      []byte // proven, not yet delivered
	space    []byte // holds buf's bytes
	total    int64
	trailers map[string]string
	digests  digests
}

func newChunkReader(res *Result, body io.Reader) *chunkReader {
	c := &chunkReader{
		res: res, r: bufio.NewReaderSize(body, maxLine),
		signed:   res.Payload != PayloadUnsignedTrailer,
		previous: []byte(hex.EncodeToString(res.claim.signature)),
	}
	if res.Payload != PayloadChunks {
		c.digests.announce(res.trailers)
	}
	return c
}

// Read delivers proven bytes.
func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.buf) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}

func (c *chunkReader) truncated() error { return c.res.rule.refuse(Truncated, "") }

func (c *chunkReader) malformed(what string) error {
	return c.res.rule.refuse(Incomplete, "The aws-chunked body is malformed: "+what+".")
}

// line reads one line ending in CRLF.
func (c *chunkReader) line() (string, error) {
	b, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", c.malformed("a line exceeds 4 KiB")
	case err == io.EOF:
		return "", c.truncated()
	case err != nil:
		return "", err
	}
	s, ok := strings.CutSuffix(string(b), "\r\n")
	if !ok {
		return "", c.malformed("a line does not end in CRLF")
	}
	return s, nil
}

// next reads and proves one chunk; io.EOF follows the last.
func (c *chunkReader) next() error {
	head, err := c.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(head, ";")
	n, err := strconv.ParseUint(size, 16, 32)
	if err != nil || n > maxChunk {
		return c.malformed("a chunk size is not a hexadecimal number up to 16 MiB")
	}
	if err := c.fill(int(n)); err != nil {
		return err
	}
	if c.signed {
		signature, ok := strings.CutPrefix(extension, "chunk-signature=")
		if !ok {
			return c.malformed("a chunk has no chunk-signature")
		}
		sum := sha256.Sum256(c.buf)
		if err := c.prove("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+hex.EncodeToString(sum[:]), signature); err != nil {
			return err
		}
	}
	c.total += int64(n)
	if want := c.res.DecodedLength; want >= 0 && (c.total > want || n == 0 && c.total != want) {
		return c.truncated()
	}
	if n == 0 {
		return c.finish()
	}
	c.digests.write(c.buf)
	return c.crlf()
}

// fill reads n bytes of data into buf; memory grows with what arrives.
func (c *chunkReader) fill(n int) error {
	c.space = c.space[:0]
	for len(c.space) < n {
		step := min(n-len(c.space), max(64<<10, len(c.space)))
		c.space = slices.Grow(c.space, step)
		m, err := io.ReadFull(c.r, c.space[len(c.space):len(c.space)+step])
		c.space = c.space[:len(c.space)+m]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return c.truncated()
		}
		if err != nil {
			return err
		}
	}
	c.buf = c.space
	return nil
}

func (c *chunkReader) crlf() error {
	s, err := c.line()
	if err == nil && s != "" {
		return c.malformed("chunk data is longer than its size")
	}
	return err
}

// prove checks one link of the signature chain.
func (c *chunkReader) prove(algorithm, rest, signature string) error {
	got, err := hex.DecodeString(signature)
	if err != nil {
		return c.malformed("a signature is not hexadecimal")
	}
	want := mac(c.res.key, algorithm, "\n", c.res.claim.stamp, "\n", c.res.claim.scope(), "\n", string(c.previous), "\n", rest)
	if !hmac.Equal(got, want) {
		return c.res.rule.refuse(Mismatch, "")
	}
	hex.Encode(c.previous, want)
	return nil
}

// finish reads the trailers behind the last chunk and ends the body.
func (c *chunkReader) finish() error {
	c.trailers = map[string]string{}
	var canonical strings.Builder
	signature, signed := "", false
	for {
		s, err := c.line()
		if err != nil {
			return err
		}
		if s == "" {
			break
		}
		name, value, ok := strings.Cut(s, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		_, repeated := c.trailers[name]
		switch {
		case !ok || repeated || signed || len(c.trailers) == maxTrailers:
			return c.malformed("the trailers are malformed")
		case name == "x-amz-trailer-signature":
			signature, signed = value, true
		default:
			c.trailers[name] = value
			canonical.WriteString(name + ":" + value + "\n")
		}
	}
	if c.res.Payload == PayloadChunksTrailer {
		sum := sha256.Sum256([]byte(canonical.String()))
		if err := c.prove("AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(sum[:]), signature); err != nil {
			return err
		}
	}
	if !c.digests.match(c.trailers) {
		return c.res.rule.refuse(BadDigest, "")
	}
	return io.EOF
}
