// Package sigv4 verifies AWS Signature Version 4 on the server's side, for
// every edge that AWS clients talk to: header and presigned (query) forms, the
// generic rule of the Bedrock services and the rule of S3, signed chunks and
// signed event streams.
//
// It guarantees that a [Result] exists only if the signature covers the
// request as it was sent: raw escaped path, query, the listed headers with
// their received values, the time and the payload hash. Signatures are
// compared in constant time, and no error tells the expected one. A payload
// that the signature covers is proven by [Verifier.Verify] before it returns
// when the caller hands over the body, else by the reader of [Result.Reader]
// before the last byte is delivered.
//
//	v := sigv4.New(sigv4.Config{Lookup: keys.Find, Now: time.Now})
//	req := sigv4.FromHTTP(r)
//	req.Body = func() ([]byte, error) { return body, nil }
//	res, err := v.Verify(ctx, req, sigv4.Generic("bedrock"))
//	var refused *sigv4.Error // carries the AWS code, status and message
//	if errors.As(err, &refused) { … }
//
// The rules follow "AWS Signature Version 4 for API requests" and "Signature
// calculations for the Authorization header" of the Amazon S3 API reference;
// where clients differ from each other, the comment at the code says how.
package sigv4

// Algorithm is the only one this package verifies.
const Algorithm = "AWS4-HMAC-SHA256"

const (
	terminator = "aws4_request"
	timeLayout = "20060102T150405Z"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
