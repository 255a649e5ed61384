package sigv4

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// exampleKey is the key pair of AWS's published examples.
func exampleKey(_ context.Context, id string) (Credential, error) {
	if id != "AKIAIOSFODNN7EXAMPLE" {
		return Credential{}, ErrUnknownKey
	}
	return Credential{Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, nil
}

// FuzzVerify: no header, path or query may crash the parser or, without the
// secret, be accepted.
func FuzzVerify(f *testing.F) {
	f.Add(Algorithm+" Credential=AKIAIOSFODNN7EXAMPLE/20260304/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature="+emptyHash, "/model/a%3Ab/converse", "a=b", "20260304T050607Z", true)
	f.Add("", "/x", "X-Amz-Algorithm="+Algorithm+"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260304%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20260304T050607Z&X-Amz-Expires=5&X-Amz-SignedHeaders=host&X-Amz-Signature="+emptyHash, "", false)
	f.Add(Algorithm+" Credential=/////,SignedHeaders=;,Signature=", "//../%%2", "&&=&%=%zz", "x", true)
	f.Fuzz(func(t *testing.T, auth, path, query, date string, s3 bool) {
		v := New(Config{Now: func() time.Time { return testTime }, Lookup: exampleKey})
		rule := Generic("bedrock")
		if s3 {
			rule = S3()
		}
		h := http.Header{"X-Amz-Date": {date}}
		if auth != "" {
			h["Authorization"] = []string{auth}
		}
		res, err := v.Verify(t.Context(), Request{Method: "GET", Path: path, Query: query, Host: "h", Header: h}, rule)
		var e *Error
		if res != nil || !errors.As(err, &e) || e.Status < 400 || e.Code == "" || e.Message == "" {
			t.Fatalf("%+v, %v", res, err)
		}
	})
}

// FuzzChunks: whatever the body, a reader ends, delivers no more than was
// announced, and gives the same at any split.
func FuzzChunks(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", true)
	f.Add("5;chunk-signature=00\r\nhello\r\n0\r\n\r\n", false)
	f.Fuzz(func(t *testing.T, wire string, unsigned bool) {
		res := &Result{Payload: PayloadChunksTrailer, DecodedLength: 5, rule: S3(), trailers: "x-amz-checksum-crc32",
			claim: &claim{date: "20260304", region: "r", service: "s3", signature: make([]byte, 32)}, key: make([]byte, 32)}
		if unsigned {
			res.Payload = PayloadUnsignedTrailer
		}
		whole, err := io.ReadAll(res.Reader(strings.NewReader(wire)))
		split, serr := io.ReadAll(res.Reader(iotest.OneByteReader(strings.NewReader(wire))))
		if string(whole) != string(split) || (err == nil) != (serr == nil) || len(whole) > 5 {
			t.Fatalf("%q, %v; byte by byte %q, %v", whole, err, split, serr)
		}
		if err == nil && string(whole) != "hello" && !unsigned {
			t.Fatalf("accepted %q", whole)
		}
	})
}
