package plain

import (
	"bufio"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// both parses an answer by quick and by net/http.
func both(wire string) (mine, theirs *http.Response, rest [2]string) {
	req := &http.Request{Method: http.MethodPost}
	in := bufio.NewReader(strings.NewReader(wire))
	_, _ = in.Peek(1) // as conn.read does; an empty answer stays one
	if mine = quick(in, req); mine == nil {
		return nil, nil, rest
	}
	other := bufio.NewReader(strings.NewReader(wire))
	theirs, err := http.ReadResponse(other, req)
	if err != nil {
		return mine, nil, rest
	}
	for i, r := range [...]*http.Response{mine, theirs} {
		body, err := io.ReadAll(r.Body)
		left, _ := io.ReadAll([...]io.Reader{in, other}[i])
		rest[i] = string(body) + "|" + string(left)
		if err != nil {
			rest[i] += "|" + err.Error()
		}
		r.Body = nil
	}
	return mine, theirs, rest
}

func check(t *rapid.T, wire string) {
	mine, theirs, rest := both(wire)
	if mine == nil {
		return
	}
	if theirs == nil {
		t.Fatalf("%q is refused by net/http, and read as %+v", wire, mine)
	}
	if !reflect.DeepEqual(mine, theirs) || rest[0] != rest[1] {
		t.Fatalf("%q is read as\n%+v with %q, by net/http as\n%+v with %q", wire, mine, rest[0], theirs, rest[1])
	}
}

// TestQuickReadsAsNetHTTPDoes: what is parsed here means the same there, body,
// rest of the connection and errors included.
func TestQuickReadsAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"Content-Length", "content-length", "Content-Type", "x-request-id", "X-Two", "Pragma", "Connection",
			"Transfer-Encoding", "Bad Name", " Folded", "", "Ümlaut", "Content-Encoding", "Trailer", "Upgrade", "content-Length "}
		values := []string{"2", "3", "0", "+2", "-1", "02", "1, 1", "", "close", "keep-alive", "chunked", "no-cache", "text/plain", "a\tb", "a\rb", "a\nb", "a\x00b", " 2 ", "ü"}
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/1.1 204 No", "HTTP/1.1  200 OK", "HTTP/1.1 200 a\rb", "HTTP/1.1 200 \x01"}).Draw(t, "status"))
		b.WriteString("\r\n")
		if rapid.Bool().Draw(t, "ordinary") {
			b.WriteString("Content-Length: 2\r\n")
		}
		for range rapid.IntRange(0, 4).Draw(t, "lines") {
			b.WriteString(rapid.SampledFrom(names).Draw(t, "name") + rapid.SampledFrom([]string{": ", ":", " :", ""}).Draw(t, "colon"))
			b.WriteString(rapid.SampledFrom(values).Draw(t, "value") + rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\n", "\r\n "}).Draw(t, "end"))
		}
		b.WriteString("\r\n" + rapid.SampledFrom([]string{"", "o", "ok", "okHTTP"}).Draw(t, "body"))
		check(t, b.String())
	})
}

// TestQuickReadsOrdinaryAnswers: else it would be of no use.
func TestQuickReadsOrdinaryAnswers(t *testing.T) {
	t.Parallel()
	wire := "HTTP/1.1 200 OK\r\nserver: x\r\nContent-Type: application/json\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok"
	mine, theirs, rest := both(wire)
	if mine == nil || theirs == nil || !reflect.DeepEqual(mine, theirs) || rest[0] != "ok|" || rest[1] != "ok|" {
		t.Errorf("read as %+v, by net/http as %+v, %q", mine, theirs, rest)
	}
}

func BenchmarkHeader(b *testing.B) {
	wire := "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 15:00:00 GMT\r\nContent-Type: application/json\r\nX-Request-Id: req_0123456789abcdef\r\nContent-Length: 2\r\n\r\nok"
	source, req := strings.NewReader(wire), &http.Request{Method: http.MethodPost}
	for name, parse := range map[string]func(in *bufio.Reader){
		"quick":    func(in *bufio.Reader) { quick(in, req) },
		"net/http": func(in *bufio.Reader) { _, _ = http.ReadResponse(in, req) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := bufio.NewReader(source)
			for b.Loop() {
				source.Reset(wire)
				in.Reset(source)
				_, _ = in.Peek(1)
				parse(in)
			}
		})
	}
}
