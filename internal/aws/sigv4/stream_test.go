package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkstream "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/craton-ai/craton/internal/aws/eventstream"
)

// sign computes a signature over req with testSecret.
func sign(c *claim, req *Request, rule *Rule, hash string) string {
	key := derive(testSecret, c.date, c.region, c.service)
	sum := sha256.Sum256(c.canonical(req, rule, rule.paths(req.Path)[0], hash))
	return hex.EncodeToString(mac(key, Algorithm, "\n", c.stamp, "\n", c.scope(), "\n", hex.EncodeToString(sum[:])))
}

// chunked is an aws-chunked upload signed by the test.
type chunked struct {
	mode     string
	chunks   []string
	trailers string // "name:value\n"…
}

func (u chunked) build(t testing.TB) (*Result, string) {
	t.Helper()
	total := 0
	for _, c := range u.chunks {
		total += len(c)
	}
	s := signing{method: "PUT", target: "/bucket/key", service: "s3", s3: true, payload: u.mode,
		header: map[string]string{"X-Amz-Decoded-Content-Length": fmt.Sprint(total), "Content-Encoding": "aws-chunked"}}
	if u.trailers != "" {
		name, _, _ := strings.Cut(u.trailers, ":")
		s.header["X-Amz-Trailer"] = name
	}
	res, err := newTestVerifier(testTime).Verify(t.Context(), input(s, s.request(t)), S3())
	if err != nil {
		t.Fatal(err)
	}
	key := derive(testSecret, "20260304", "eu-west-1", "s3")
	previous := hex.EncodeToString(res.claim.signature)
	link := func(algorithm, rest string) string {
		previous = hex.EncodeToString(mac(key, algorithm, "\n20260304T050607Z\n20260304/eu-west-1/s3/aws4_request\n", previous, "\n", rest))
		return previous
	}
	var b strings.Builder
	for _, c := range append(u.chunks, "") {
		fmt.Fprintf(&b, "%x", len(c))
		if u.mode != unsignedTrailer {
			sum := sha256.Sum256([]byte(c))
			b.WriteString(";chunk-signature=" + link("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+hex.EncodeToString(sum[:])))
		}
		b.WriteString("\r\n" + c)
		if c != "" {
			b.WriteString("\r\n")
		}
	}
	b.WriteString(strings.ReplaceAll(u.trailers, "\n", "\r\n"))
	if u.mode == streamingTrailer {
		sum := sha256.Sum256([]byte(u.trailers))
		b.WriteString("x-amz-trailer-signature:" + link("AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(sum[:])) + "\r\n")
	}
	return res, b.String() + "\r\n"
}

// TestChunkedUploads reads each mode whole and byte by byte.
func TestChunkedUploads(t *testing.T) {
	t.Parallel()
	data := []string{strings.Repeat("a", 70000), "bc", strings.Repeat("d", 3)}
	sum := sha256.Sum256([]byte(strings.Join(data, "")))
	trailer := "x-amz-checksum-sha256:" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	for name, u := range map[string]chunked{
		"signed":           {streamingChunks, data, ""},
		"empty":            {streamingChunks, nil, ""},
		"signed trailer":   {streamingTrailer, data, trailer},
		"unsigned trailer": {unsignedTrailer, data, trailer},
		"unknown trailer":  {unsignedTrailer, data, "x-other:v\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, wire := u.build(t)
			body := res.Reader(iotest.OneByteReader(strings.NewReader(wire)))
			got, err := io.ReadAll(body)
			if err != nil || string(got) != strings.Join(u.chunks, "") {
				t.Fatalf("read %d bytes, error %v", len(got), err)
			}
			for line := range strings.Lines(u.trailers) {
				n, v, _ := strings.Cut(strings.TrimSpace(line), ":")
				if body.Trailer(n) != v {
					t.Errorf("trailer %s is %q", n, body.Trailer(n))
				}
			}
			if body.Trailer("none") != "" {
				t.Error("a trailer that was not sent has a value")
			}
		})
	}
}

// TestChunkedTampering flips every byte of a small signed upload: no change
// may be accepted, and no altered data delivered.
func TestChunkedTampering(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("helloworld"))
	for _, mode := range []string{streamingChunks, streamingTrailer} {
		u := chunked{mode: mode, chunks: []string{"hello", "world"}}
		if mode == streamingTrailer {
			u.trailers = "x-amz-checksum-sha256:" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
		}
		res, wire := u.build(t)
		for i := range wire {
			b := []byte(wire)
			b[i] ^= 1
			got, err := io.ReadAll(res.Reader(bytes.NewReader(b)))
			if !strings.HasPrefix("helloworld", string(got)) {
				t.Fatalf("byte %d: delivered %q", i, got)
			}
			var e *Error
			if !errors.As(err, &e) {
				// Case of a hexadecimal digit or a trailer's name is no change.
				if !strings.EqualFold(string(b), wire) {
					t.Errorf("byte %d (%q → %q) changed: error %v", i, wire[i], b[i], err)
				}
			}
		}
		for i := range len(wire) - 1 {
			if _, err := io.ReadAll(res.Reader(strings.NewReader(wire[:i]))); err == nil {
				t.Errorf("cut at %d of %d is accepted", i, len(wire))
			}
		}
	}
}

func TestChunkedRefusals(t *testing.T) {
	t.Parallel()
	u := chunked{mode: unsignedTrailer, chunks: []string{"hello"}, trailers: "x-amz-checksum-crc32:NhCmhg==\n"}
	res, good := u.build(t)
	if _, err := io.ReadAll(res.Reader(strings.NewReader(good))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		wire   string
		reason Reason
	}{
		"other data":     {strings.Replace(good, "hello", "jello", 1), BadDigest},
		"no checksum":    {"5\r\nhello\r\n0\r\n\r\n", BadDigest},
		"other checksum": {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n", BadDigest},
		"longer":         {"6\r\nhello!\r\n0\r\n\r\n", Truncated},
		"shorter":        {"4\r\nhell\r\n0\r\n\r\n", Truncated},
		"cut":            {good[:9], Truncated},
		"huge":           {"ffffffff\r\n", Incomplete},
		"negative":       {"-5\r\n", Incomplete},
		"long line":      {strings.Repeat("0", 5000), Incomplete},
		"bare LF":        {"5\nhello", Incomplete},
		"no CRLF":        {"5\r\nhelloo", Truncated},
		"data too long":  {"5\r\nhelloo\r\n", Incomplete},
		"odd trailer":    {"5\r\nhello\r\n0\r\nxyz\r\n\r\n", Incomplete},
		"repeated":       {"5\r\nhello\r\n0\r\na:1\r\na:1\r\n\r\n", Incomplete},
		"many trailers":  {"5\r\nhello\r\n0\r\n" + manyTrailers() + "\r\n", Incomplete},
	} {
		_, err := io.ReadAll(res.Reader(strings.NewReader(c.wire)))
		var e *Error
		if !errors.As(err, &e) || e.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := iotest.ErrReader(errStore)
	if _, err := io.ReadAll(res.Reader(io.MultiReader(strings.NewReader("5\r\nhe"), broken))); !errors.Is(err, errStore) {
		t.Errorf("a broken connection became %v", err)
	}
}

func manyTrailers() string {
	var b strings.Builder
	for i := range maxTrailers + 1 {
		fmt.Fprintf(&b, "t%d:v\r\n", i)
	}
	return b.String()
}

// TestChecksums holds the check values that the algorithms' registries give
// for the nine digits.
func TestChecksums(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888",
		"sha1":   "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		"sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h := NewChecksum(checksumHeader + name)
		h.Write([]byte("123456789"))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

// TestHashedReader: a hashed body ends with io.EOF only if it is the signed one.
func TestHashedReader(t *testing.T) {
	t.Parallel()
	s := goodRequests["S3 plain"]
	req := FromHTTP(s.request(t))
	res, err := newTestVerifier(testTime).Verify(t.Context(), req, S3())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(res.Reader(strings.NewReader(s.body))); err != nil || string(got) != s.body {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "dat", "datax", "Data"} {
		_, err := io.ReadAll(res.Reader(strings.NewReader(bad)))
		var e *Error
		if !errors.As(err, &e) || e.Reason != PayloadDiffer {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if res.Events() != nil {
		t.Error("a hashed body has an event chain")
	}
}

// TestEventChain is signed by the SDK's stream signer, across midnight.
func TestEventChain(t *testing.T) {
	t.Parallel()
	s := signing{method: "POST", target: "/model/m/invoke-with-bidirectional-stream", payload: streamingEvents}
	rule := s.rule()
	rule.Events = true
	start := func() *Events {
		res, err := newTestVerifier(testTime).Verify(t.Context(), input(s, s.request(t)), rule)
		if err != nil {
			t.Fatal(err)
		}
		return res.Events()
	}
	chain := start()
	signer := v4.NewStreamSigner(aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, "bedrock", "eu-west-1", chain.res.claim.signature)
	var first []byte
	for i, payload := range []string{"one", "two", ""} {
		at := testTime.Add(time.Duration(i) * time.Second)
		sig, err := signer.GetSignature(t.Context(), []byte("headers"), []byte(payload), at)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = sig
		}
		if err := chain.Verify(at, []byte("headers"), []byte(payload), sig); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	for name, f := range map[string]func(*Events) error{
		"payload": func(e *Events) error { return e.Verify(testTime, []byte("headers"), []byte("onf"), first) },
		"headers": func(e *Events) error { return e.Verify(testTime, []byte("header"), []byte("one"), first) },
		"date": func(e *Events) error {
			return e.Verify(testTime.Add(time.Second), []byte("headers"), []byte("one"), first)
		},
		"order": func(e *Events) error {
			e.previous = emptyHash
			return e.Verify(testTime, []byte("headers"), []byte("one"), first)
		},
		"far date": func(e *Events) error { return e.Verify(testTime.Add(time.Hour), nil, nil, first) },
	} {
		e := start()
		err := f(e)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if again := e.Verify(testTime, []byte("headers"), []byte("one"), first); again != err {
			t.Errorf("%s: the error is not final: %v", name, again)
		}
	}
}

// TestEventChainPastMidnight: the scope's day follows the frame's date.
func TestEventChainPastMidnight(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 3, 4, 23, 59, 59, 0, time.UTC)
	seed := bytes.Repeat([]byte{7}, 32)
	rule := Generic("bedrock")
	res := &Result{Payload: PayloadEvents, v: newTestVerifier(late), rule: rule, secret: testSecret, key: derive(testSecret, "20260304", "r", "bedrock"),
		claim: &claim{date: "20260304", region: "r", service: "bedrock", signature: seed}}
	signer := v4.NewStreamSigner(aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, "bedrock", "r", seed)
	chain := res.Events()
	for i := range 3 {
		at := late.Add(time.Duration(i) * time.Second)
		sig, err := signer.GetSignature(t.Context(), nil, nil, at)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.Verify(at, nil, nil, sig); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestSignedEnvelopes builds envelopes as the SDK does and proves them as the
// edge does.
func TestSignedEnvelopes(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{7}, 32)
	signer := v4.NewStreamSigner(aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, "bedrock", "r", seed)
	var wire bytes.Buffer
	payloads := []string{"one", "two", ""}
	for i, payload := range payloads {
		at := testTime.Add(time.Duration(i) * time.Millisecond)
		m := sdkstream.Message{Payload: []byte(payload)}
		m.Headers.Set(":date", sdkstream.TimestampValue(at))
		var headers bytes.Buffer
		if err := sdkstream.EncodeHeaders(&headers, m.Headers); err != nil {
			t.Fatal(err)
		}
		sig, err := signer.GetSignature(t.Context(), headers.Bytes(), m.Payload, at)
		if err != nil {
			t.Fatal(err)
		}
		m.Headers.Set(":chunk-signature", sdkstream.BytesValue(sig))
		if err := sdkstream.NewEncoder().Encode(&wire, m); err != nil {
			t.Fatal(err)
		}
	}
	chain := (&Result{Payload: PayloadEvents, v: newTestVerifier(testTime), rule: Generic("bedrock"), key: derive(testSecret, "20260304", "r", "bedrock"),
		claim: &claim{date: "20260304", region: "r", service: "bedrock", signature: seed}}).Events()
	r := eventstream.NewReader(&wire, 0)
	for i := range payloads {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		at, _ := f.Time(eventstream.HeaderDate)
		sig, _ := f.Bytes(eventstream.HeaderSignature)
		if err := chain.Verify(at, f.AppendSigned(nil), f.Payload, sig); err != nil {
			t.Errorf("envelope %d: %v", i, err)
		}
	}
}

// TestPublishedChunkExample is the worked example of the S3 API reference for
// signed chunks: 66,560 bytes of "a" in two chunks.
func TestPublishedChunkExample(t *testing.T) {
	t.Parallel()
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	req := Request{Method: "PUT", Path: "/examplebucket/chunkObject.txt", Host: "s3.amazonaws.com", ContentLength: 66824, Header: http.Header{
		"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}, "X-Amz-Content-Sha256": {streamingChunks},
		"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {"66560"},
		"Authorization": {Algorithm + " Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class, Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"},
	}}
	v := New(Config{Now: func() time.Time { return at }, Lookup: exampleKey})
	res, err := v.Verify(t.Context(), req, S3())
	if err != nil {
		t.Fatal(err)
	}
	wire := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + strings.Repeat("a", 65536) +
		"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) +
		"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	if len(wire) != 66824 {
		t.Fatalf("the example has %d bytes", len(wire))
	}
	got, err := io.ReadAll(res.Reader(strings.NewReader(wire)))
	if err != nil || len(got) != 66560 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
