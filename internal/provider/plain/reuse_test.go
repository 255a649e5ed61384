package plain_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/provider/plain"
)

// TestClosedWhileIdle has the upstream close each connection after one answer,
// without a word: the next request must take another one, whatever it is.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		next(in)
		_, _ = io.WriteString(c, fine)
		c.Close()
		closed <- struct{}{}
	})
	tr := transport(t, plain.Config{})
	for range 5 {
		if got, err := ask(t, tr, "POST", u.url, "x"); err != nil || got != "ok" {
			t.Fatalf("got %q, %v", got, err)
		}
		<-closed
	}
}

// TestNothingIsRepeated has the upstream take a second request on a connection
// and close it without an answer.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int64{"POST": 2, "GET": 3} {
		var requests atomic.Int64
		u := listen(t, func(n int64, in *bufio.Reader, c net.Conn) {
			for i := 0; ; i++ {
				if _, _, ok := next(in); !ok {
					return
				}
				if requests.Add(1); n == 1 && i == 1 {
					return
				}
				_, _ = io.WriteString(c, fine)
			}
		})
		tr := transport(t, plain.Config{})
		if _, err := ask(t, tr, method, u.url, ""); err != nil {
			t.Fatal(err)
		}
		_, err := ask(t, tr, method, u.url, "")
		if (err == nil) != (method == "GET") || requests.Load() != want {
			t.Errorf("%s: %v after %d requests, want %d", method, err, requests.Load(), want)
		}
	}
}

// TestManyAtOnce mixes whole and abandoned answers over a few connections: no
// answer may be another request's.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	u := listen(t, func(_ int64, in *bufio.Reader, c net.Conn) {
		for {
			_, body, ok := next(in)
			if !ok {
				return
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			if _, err := c.Write(b.Bytes()); err != nil {
				return
			}
		}
	})
	tr := transport(t, plain.Config{MaxIdle: 4})
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			for i := range 50 {
				want := fmt.Sprintf("client %d request %d", client, i)
				ctx, cancel := context.WithCancel(t.Context())
				if i%7 == 3 {
					cancel()
				}
				resp, err := tr.RoundTrip(request(t, ctx, "POST", u.url, want))
				if err == nil && i%5 != 4 {
					var b []byte
					if b, err = io.ReadAll(resp.Body); err == nil && string(b) != want {
						t.Errorf("got %q, want %q", b, want)
					}
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", want, err)
				}
				if resp != nil {
					resp.Body.Close()
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
