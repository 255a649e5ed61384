package plain

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// inline is the size up to which a request is written before its answer is
// read: it fits into the buffers of the connection, so that writing it ends
// even if the upstream answers without reading it. A bigger one is written
// beside reading.
const inline = 16 << 10

// message is a request as it is written: its header, with the body behind it
// where that is small.
type message struct {
	bytes []byte
	// rest is the body of a big request, of length left.
	rest io.Reader
	left int64
}

// messages keeps the buffers of requests that were written.
var messages = sync.Pool{New: func() any { return &message{bytes: make([]byte, 0, 4<<10)} }}

// newMessage encodes a request, as Request.Write does.
func newMessage(req *http.Request) (*message, error) {
	m := messages.Get().(*message)
	if err := m.encode(req); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// release gives the buffer back; nobody may be writing it.
func (m *message) release() {
	m.rest, m.left = nil, 0
	if cap(m.bytes) <= 2*inline {
		m.bytes = m.bytes[:0]
		messages.Put(m)
	}
}

func (m *message) encode(req *http.Request) error {
	uri := req.URL.RequestURI()
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	if hasControl(uri) || !httpguts.ValidHostHeader(host) || !httpguts.ValidHeaderFieldName(method) {
		return errors.New("plain: the request's method, address or host holds bytes that may not stand there")
	}
	b := append(m.bytes[:0], method...)
	b = append(append(append(b, ' '), uri...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, host...), "\r\n"...)
	if _, given := req.Header["User-Agent"]; !given {
		b = append(b, "User-Agent: Go-http-client/1.1\r\n"...)
	}
	var err error
	if b, err = appendHeader(b, req.Header); err != nil {
		return err
	}
	if req.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	body, length := req.Body, req.ContentLength
	if body == nil || body == http.NoBody {
		body, length = nil, 0
	}
	if length > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), length, 10), "\r\n"...)
	}
	m.bytes = append(b, "\r\n"...)
	if length == 0 {
		return nil
	}
	if int64(len(m.bytes))+length > inline {
		m.rest, m.left = body, length
		return nil
	}
	at := len(m.bytes)
	m.bytes = append(m.bytes, make([]byte, length)...)
	if _, err := io.ReadFull(body, m.bytes[at:]); err != nil {
		return fmt.Errorf("plain: the request's body: %w", err)
	}
	return nil
}

// appendHeader writes the header but for what frames the message. A name or
// value that could end its line early is refused; it is not shown, as it may
// be a secret.
func appendHeader(b []byte, header http.Header) ([]byte, error) {
	for name, values := range header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return b, fmt.Errorf("plain: invalid header name %q", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return b, fmt.Errorf("plain: invalid value of header %q", name)
			}
			if name == "User-Agent" && value == "" {
				continue
			}
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	return b, nil
}

// again reports whether the request may be written once more after it was
// lost, and makes it ready.
func (m *message) again(req *http.Request, lost *lostError) bool {
	if lost.written && !harmless(req) {
		return false
	}
	if m.rest == nil {
		return true
	}
	if req.GetBody == nil {
		return false
	}
	body, err := req.GetBody()
	if err != nil {
		return false
	}
	m.rest = body // of bytes in memory: it needs no closing
	return true
}

// harmless reports whether sending the request twice is like sending it once.
func harmless(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// plainHost reports whether the host is written as it goes over the wire:
// without a zone, and in ASCII.
func plainHost(req *http.Request) bool {
	for _, host := range [...]string{req.Host, req.URL.Host} {
		for i := range len(host) {
			if host[i] >= 0x80 || host[i] == '%' {
				return false
			}
		}
	}
	return req.URL.Host != ""
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
