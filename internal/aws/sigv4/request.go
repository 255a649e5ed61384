package sigv4

import (
	"net/http"
	"strconv"
	"strings"
)

// Request is what a signature covers, as it was received.
type Request struct {
	Method string
	// Path is the path of the request target as sent: still escaped, neither
	// cleaned nor decoded. "" counts as "/".
	Path string
	// Query is the raw query without "?".
	Query string
	Host  string
	// Header holds the received headers under canonical keys.
	Header http.Header
	// ContentLength stands in for a content-length header that the HTTP layer
	// keeps to itself; negative means unknown, 0 that there is no body.
	ContentLength int64
	// TransferEncoding stands in for that header likewise.
	TransferEncoding []string
	// Body returns the whole body. It is called at most once, after all
	// refusals that need no body, and should be bounded by the caller. When it
	// is nil, requests whose signature cannot be checked without the body are
	// refused, and others must be read through Result.Reader.
	Body func() ([]byte, error)
}

// FromHTTP returns the parts of a server's request, without Body. It uses the
// request target as the client sent it.
func FromHTTP(r *http.Request) Request {
	path, query := r.URL.EscapedPath(), r.URL.RawQuery
	if t := r.RequestURI; strings.HasPrefix(t, "/") {
		path, query, _ = strings.Cut(t, "?")
	}
	return Request{Method: r.Method, Path: path, Query: query, Host: r.Host, Header: r.Header,
		ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding}
}

// Signed reports whether r carries a Version 4 signature in its header or
// query, valid or not; the edge uses it to choose between authenticators.
func Signed(r *Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), Algorithm) || isPresigned(r.Query)
}

func isPresigned(query string) bool {
	return strings.Contains(query, "X-Amz-Algorithm=") || strings.Contains(query, "X-Amz-Signature=")
}

// authority is the name under which Amazon's JavaScript SDK signs the host of
// an HTTP/2 request, see RFC 9113 section 8.3.1.
const authority = ":authority"

// header returns the values of a header by its lower-case name, including
// those that net/http moves out of the header map.
func (r *Request) header(name string) []string {
	if name == "host" || name == authority {
		return []string{r.Host}
	}
	if v := r.Header.Values(name); len(v) > 0 {
		return v
	}
	switch {
	case name == "content-length" && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding":
		return r.TransferEncoding
	}
	return nil
}
