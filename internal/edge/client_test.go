package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// slowClient runs a handler for a client that sends a header, and perhaps the
// beginning of a body, and then does nothing.
func slowClient(t *testing.T, http2 bool, handler func(w http.ResponseWriter, r *http.Request) error) error {
	t.Helper()
	failed := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { failed <- handler(w, r) }))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	body, silent := io.Pipe()
	t.Cleanup(func() { silent.Close() })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if resp, err := server.Client().Do(req); err == nil {
			t.Cleanup(func() { resp.Body.Close() })
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the handler still waits for its client")
		return nil
	}
}

func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("does not read", func(t *testing.T) {
				t.Parallel()
				err := slowClient(t, http2, func(w http.ResponseWriter, _ *http.Request) error {
					out := &countingWriter{ResponseWriter: w, patience: 50 * time.Millisecond}
					flush := http.NewResponseController(out)
					for chunk := make([]byte, 1<<20); ; {
						if _, err := out.Write(chunk); err != nil {
							return err
						}
						if err := flush.Flush(); err != nil {
							return err
						}
					}
				})
				if err == nil {
					t.Error("the writes ended without an error")
				}
			})
			t.Run("does not send", func(t *testing.T) {
				t.Parallel()
				err := slowClient(t, http2, func(w http.ResponseWriter, r *http.Request) error {
					_, err := io.ReadAll(&patientBody{ReadCloser: r.Body, w: w, patience: 50 * time.Millisecond})
					return err
				})
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestUnreadBody refuses a request without waiting for its body, which never
// comes: the connection must end all the same.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &patientBody{ReadCloser: r.Body, w: w, patience: 50 * time.Millisecond}
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "no")
		body.end()
		close(ended)
	}))
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(got), "401 Unauthorized") || !strings.HasSuffix(string(got), "no") {
		t.Errorf("got %q, %v", got, err)
	}
	<-ended
}

// TestSlowUpstream keeps a client that reads although there was nothing to
// write for longer than it may take to read.
func TestSlowUpstream(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const patience = 250 * time.Millisecond // a busy machine lets a write wait
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				out := &countingWriter{ResponseWriter: w, patience: patience}
				for range 3 {
					if _, err := io.WriteString(out, "more "); err != nil {
						t.Error(err)
					}
					if err := http.NewResponseController(out).Flush(); err != nil {
						t.Error(err)
					}
					<-time.After(patience + patience/4)
				}
			}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			for range 2 { // the second uses the connection again
				resp, err := server.Client().Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(got) != "more more more " || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
}
