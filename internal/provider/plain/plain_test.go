package plain_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/provider/plain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream serves connections by script: each connection is numbered, and
// serve answers on it until it returns, which closes it.
type upstream struct {
	url   string
	conns atomic.Int64
}

func listen(t *testing.T, serve func(n int64, in *bufio.Reader, c net.Conn)) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{url: "http://" + l.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(u.conns.Add(1), bufio.NewReader(c), c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return u
}

// next reads one request whole.
func next(in *bufio.Reader) (*http.Request, string, bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, "", false
	}
	body, err := io.ReadAll(r.Body)
	return r, string(body), err == nil
}

// answering serves every request of a connection with the same bytes.
func answering(answer string) func(int64, *bufio.Reader, net.Conn) {
	return func(_ int64, in *bufio.Reader, c net.Conn) {
		for {
			if _, _, ok := next(in); !ok {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// elsewhere stands for the other transport.
type elsewhere struct{ asked atomic.Int64 }

func (e *elsewhere) RoundTrip(*http.Request) (*http.Response, error) {
	e.asked.Add(1)
	return nil, errors.New("elsewhere")
}
func (e *elsewhere) CloseIdleConnections() {}

func transport(t *testing.T, cfg plain.Config) *plain.Transport {
	t.Helper()
	if cfg.Else == nil {
		cfg.Else = &elsewhere{}
	}
	tr := plain.New(cfg)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func request(t *testing.T, ctx context.Context, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ask sends a request and returns the whole answer.
func ask(t *testing.T, tr http.RoundTripper, method, url, body string) (string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(request(t, t.Context(), method, url, body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestRequestIsWritten(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		r, body, _ := next(in)
		seen <- fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header, " ", r.ContentLength, " ", body)
		_, _ = io.WriteString(c, fine)
	})
	r := request(t, t.Context(), "POST", u.url+"/v1/a%2Fb?q=1", "hello")
	r.Header = http.Header{"X-A": {"1", "2"}, "User-Agent": {"me"}, "Content-Length": {"99"}, "Transfer-Encoding": {"chunked"}}
	r.Host = "other.example"
	resp, err := transport(t, plain.Config{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want := "POST /v1/a%2Fb?q=1 other.example map[Content-Length:[5] User-Agent:[me] X-A:[1 2]] 5 hello"
	if got := <-seen; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestForbiddenBytesAreRefused(t *testing.T) {
	t.Parallel()
	u := listen(t, answering(fine))
	tr := transport(t, plain.Config{})
	for name, spoil := range map[string]func(*http.Request){
		"value":  func(r *http.Request) { r.Header.Set("X-A", "1\r\nX-B: 2") },
		"name":   func(r *http.Request) { r.Header["X A"] = []string{"1"} },
		"host":   func(r *http.Request) { r.Host = "a\r\nb" },
		"method": func(r *http.Request) { r.Method = "POST /x HTTP/1.1\r\n" },
		"path":   func(r *http.Request) { r.URL.Opaque = "/a b" },
	} {
		r := request(t, t.Context(), "POST", u.url, "x")
		spoil(r)
		if _, err := tr.RoundTrip(r); err == nil || strings.Contains(err.Error(), "X-B") {
			t.Errorf("%s: got %v, want a refusal that does not show the value", name, err)
		}
	}
	if n := u.conns.Load(); n != 0 {
		t.Errorf("%d connections were opened", n)
	}
}

func TestAnswersAreFramed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, want string
		reused       bool
	}{
		"length":    {fine, "ok", true},
		"empty":     {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
		"no body":   {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
		"chunks":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", true},
		"trailers":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n", "ok", true},
		"early":     {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + fine, "ok", true},
		"close":     {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		"version":   {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		"left over": {fine + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", "ok", false},
	} {
		u := listen(t, answering(c.answer))
		tr := transport(t, plain.Config{})
		for range 3 {
			if got, err := ask(t, tr, "POST", u.url, "x"); err != nil || got != c.want {
				t.Errorf("%s: got %q, %v", name, got, err)
			}
		}
		if n := u.conns.Load(); n == 1 != c.reused {
			t.Errorf("%s: %d connections for three requests", name, n)
		}
	}
}

func TestUntilTheEnd(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		next(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nok")
	})
	if got, err := ask(t, transport(t, plain.Config{}), "GET", u.url, ""); err != nil || got != "ok" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"garbage":      "SSH-2.0-OpenSSH\r\n\r\n",
		"cut header":   "HTTP/1.1 200 OK\r\nContent-",
		"cut body":     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
		"cut chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok",
		"two lengths":  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"bad length":   "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
		"switched":     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"early only":   strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9),
		"large header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
	} {
		u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
			next(in)
			_, _ = io.WriteString(c, answer)
		})
		if got, err := ask(t, transport(t, plain.Config{}), "POST", u.url, "x"); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"before the header": "", "in the header": "HTTP/1.1 200", "in the body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"} {
		here, gone := make(chan struct{}), make(chan struct{})
		u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
			next(in)
			_, _ = io.WriteString(c, answer)
			close(here)
			_, _ = in.ReadByte() // until the client leaves
			close(gone)
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		go func() {
			<-here
			cancel(why)
		}()
		resp, err := transport(t, plain.Config{}).RoundTrip(request(t, ctx, "POST", u.url, "x"))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		} else if !errors.Is(err, why) {
			t.Errorf("%s: got %v, want the context's cause", name, err)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		<-gone
	}
}

func TestCloseEndsABlockedRead(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		next(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
		_, _ = in.ReadByte()
	})
	resp, err := transport(t, plain.Config{}).RoundTrip(request(t, t.Context(), "POST", u.url, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 1))
		ended <- err
	}()
	resp.Body.Close()
	if err := <-ended; err == nil || err == io.EOF {
		t.Errorf("got %v, want the read to fail", err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a read after Close gives %v", err)
	}
}

func TestFirstByte(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		next(in)
		_, _ = in.ReadByte()
	})
	_, err := ask(t, transport(t, plain.Config{FirstByte: time.Millisecond}), "POST", u.url, "x")
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

// deadlined notes the last deadline of reads.
type deadlined struct {
	net.Conn
	last time.Time
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	d.last = at
	return d.Conn.SetReadDeadline(at)
}

func TestFirstByteEndsWithTheHeader(t *testing.T) {
	t.Parallel()
	u := listen(t, answering(fine))
	var conn *deadlined
	tr := transport(t, plain.Config{FirstByte: time.Hour, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		conn = &deadlined{c, time.Now()}
		return conn, err
	}})
	if got, err := ask(t, tr, "POST", u.url, "x"); err != nil || got != "ok" || !conn.last.IsZero() {
		t.Errorf("got %q, %v, with the deadline %v left", got, err, conn.last)
	}
}

func TestBigBodies(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		for {
			_, body, ok := next(in)
			if !ok {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	tr := transport(t, plain.Config{})
	for _, size := range []int{1, 15 << 10, 16 << 10, 17 << 10, 3 << 20} {
		body := strings.Repeat("x", size)
		if got, err := ask(t, tr, "POST", u.url, body); err != nil || got != body {
			t.Errorf("a body of %d bytes came back with %d, %v", size, len(got), err)
		}
	}
	if n := u.conns.Load(); n > 2 {
		t.Errorf("%d connections", n)
	}
}

// TestAnsweredEarly refuses a body it does not read.
func TestAnsweredEarly(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		<-t.Context().Done()
	})
	tr := transport(t, plain.Config{})
	for range 2 { // the connection is not used again
		resp, err := tr.RoundTrip(request(t, t.Context(), "POST", u.url, strings.Repeat("x", 32<<20)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || string(b) != "no" || resp.StatusCode != 413 {
			t.Errorf("got %d %q, %v", resp.StatusCode, b, err)
		}
		resp.Body.Close()
	}
	if n := u.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestOtherRequestsGoElsewhere(t *testing.T) {
	t.Parallel()
	proxy := &url.URL{Scheme: "http", Host: "proxy"}
	for name, c := range map[string]struct {
		address string
		proxy   *url.URL
		change  func(*http.Request)
	}{
		"https":   {address: "https://a"},
		"proxy":   {address: "http://a", proxy: proxy},
		"unicode": {address: "http://bücher"},
		"length":  {address: "http://a", change: func(r *http.Request) { r.ContentLength = -1 }},
		"upgrade": {address: "http://a", change: func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }},
	} {
		other := &elsewhere{}
		tr := transport(t, plain.Config{Else: other, Proxy: func(*http.Request) (*url.URL, error) { return c.proxy, nil }})
		r := request(t, t.Context(), "POST", c.address, "x")
		if c.change != nil {
			c.change(r)
		}
		if _, err := tr.RoundTrip(r); err == nil || other.asked.Load() != 1 {
			t.Errorf("%s: %v, asked %d times", name, err, other.asked.Load())
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	tr := transport(t, plain.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, &net.DNSError{Name: "a"} }})
	_, err := ask(t, tr, "POST", "http://a", "x")
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		t.Errorf("got %v, want the dialer's error", err)
	}
}
