package sigv4

import "slices"

// Normalization says which canonical path the generic rule expects where a
// path holds empty, "." or ".." segments. Clients disagree: botocore and the
// JavaScript SDK remove them before signing (and send the path unchanged),
// the Go SDK signs them as sent. Other paths are the same under each.
type Normalization uint8

// The ways to treat such paths.
const (
	// NormalizeEither accepts a signature over either form; the default.
	NormalizeEither Normalization = iota
	// NormalizeNever accepts only the path as sent.
	NormalizeNever
	// NormalizeAlways accepts only the path with those segments removed.
	NormalizeAlways
)

// Rule is how a service's requests are signed and which credential scopes it
// accepts. Make one with Generic or S3 and keep it; it is not changed by use.
type Rule struct {
	services []string
	s3       bool

	// Path applies to the generic rule; S3 never normalises.
	Path Normalization
	// UnsignedToken accepts presigned requests whose X-Amz-Security-Token was
	// added after signing, as a few services outside this project do.
	UnsignedToken bool
	// Events accepts the seed signature of a signed event stream
	// (STREAMING-AWS4-HMAC-SHA256-EVENTS); set it on the routes of
	// bidirectional operations only.
	Events bool
}

// Generic is the rule of all services but S3: each path segment is encoded
// again, and the payload is always signed. services are the accepted signing
// names, for example "bedrock".
func Generic(services ...string) Rule { return Rule{services: slices.Clone(services)} }

// S3 is the rule of S3: the path is encoded once and never normalised, every
// x-amz-* header must be signed, and the payload may be unsigned or signed
// chunk by chunk.
func S3() Rule { return Rule{services: []string{"s3"}, s3: true} }
