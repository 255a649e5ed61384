package plain

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// quick parses the header of an ordinary answer in one piece: complete in the
// buffer, of status 200, with a length. For anything else it takes nothing from
// the buffer, returns nil and leaves the answer to net/http, so that it decides
// nothing about what is unusual.
func quick(in *bufio.Reader, req *http.Request) *http.Response {
	const begin = "HTTP/1.1 200 "
	held, _ := in.Peek(in.Buffered()) // never fails
	end := bytes.Index(held, []byte("\r\n\r\n"))
	if end < 0 || !bytes.HasPrefix(held, []byte(begin)) || req.Method == http.MethodHead {
		return nil
	}
	status, lines, _ := strings.Cut(string(held[:end+2]), "\r\n")
	header, length := fields(lines)
	if header == nil || !httpguts.ValidHeaderFieldValue(status) {
		return nil
	}
	_, _ = in.Discard(end + 4) // it was peeked at
	r := &http.Response{Status: status[len(begin)-len("200 "):], StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody, ContentLength: length, Request: req}
	if length > 0 {
		r.Body = &measured{in: in, left: length}
	}
	return r
}

// fields parses the lines of a header; nil where net/http should.
func fields(lines string) (header http.Header, length int64) {
	n := strings.Count(lines, "\n")
	header, length = make(http.Header, n), -1
	values := make([]string, 0, n)
	for lines != "" {
		line, rest, ended := strings.Cut(lines, "\r\n")
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ended || !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, 0
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		switch name {
		case "Content-Length":
			known := length >= 0
			var ok bool
			if length, ok = digits(value); !ok || known {
				return nil, 0
			}
		case "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Pragma":
			return nil, 0
		}
		values = append(values, value)
		if before := header[name]; before == nil {
			header[name] = values[len(values)-1 : len(values) : len(values)]
		} else {
			header[name] = append(before, value)
		}
		lines = rest
	}
	if length < 0 {
		return nil, 0
	}
	return header, length
}

// digits reads a length of at most 18 digits, which no int64 is too small for.
func digits(s string) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// measured is a body of known length. Like net/http's it tells its end with the
// last bytes.
type measured struct {
	in   *bufio.Reader
	left int64
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	if m.left == 0 {
		return 0, io.EOF
	}
	n, err := m.in.Read(p[:min(int64(len(p)), m.left)])
	switch m.left -= int64(n); {
	case m.left == 0:
		return n, io.EOF
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close does nothing: the answer around it ends the connection.
func (m *measured) Close() error { return nil }
