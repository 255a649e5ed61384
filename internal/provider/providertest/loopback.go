// Package providertest is the server that tests of upstream kinds call: the
// script model behind the server half of a dialect's codec. It is for tests
// only.
//
// It guarantees that InFlight counts the requests being served, so that a test
// can wait for a cancelled one to end, and that the server closes with its test.
//
//	server := providertest.New(t, script.Config{}, route, fail)
//	p, err := openai.New(provider.Config{BaseURL: server.URL + "/v1"})
package providertest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/script"
)

// Loopback is a dialect's server over the script model.
type Loopback struct {
	*httptest.Server
	Model *script.Model
	// Seen sees every request before it is served; may be nil.
	Seen     func(r *http.Request, body []byte)
	inFlight atomic.Int64
	route    Route
	fail     Fail
}

// Route serves a request; its error is answered by Fail.
type Route func(l *Loopback, w http.ResponseWriter, r *http.Request, body []byte) error

// Fail is a dialect's status and body of an error; it may set headers.
type Fail func(header http.Header, err *model.Error) (status int, body []byte)

// New starts a server that ends with the test.
func New(t testing.TB, cfg script.Config, route Route, fail Fail) *Loopback {
	t.Helper()
	m, err := script.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &Loopback{Model: m, route: route, fail: fail}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Server.Close)
	return l
}

// InFlight counts the requests being served.
func (l *Loopback) InFlight() int { return int(l.inFlight.Load()) }

// ServeHTTP serves a request by the route.
func (l *Loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.inFlight.Add(1)
	defer l.inFlight.Add(-1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if l.Seen != nil {
		l.Seen(r, body)
	}
	if err := l.route(l, w, r, body); err != nil {
		e := model.AsError(err)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
		}
		status, answer := l.fail(w.Header(), e)
		Reply(w, status, answer)
	}
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone hears nothing
}

// Encoder turns events into a dialect's stream.
type Encoder interface {
	Append(dst []byte, ev model.Event) ([]byte, error)
	AppendError(dst []byte, err *model.Error) []byte
	Finish(dst []byte) []byte
}

// Play answers with a stream, event by event.
func Play(w http.ResponseWriter, contentType string, s model.Stream, enc Encoder) {
	w.Header().Set("Content-Type", contentType)
	var buf []byte
	for {
		ev, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, _ = w.Write(enc.Finish(buf[:0]))
			return
		case err != nil:
			_, _ = w.Write(enc.AppendError(buf[:0], model.AsError(err)))
			return
		}
		if buf, err = enc.Append(buf[:0], ev); err != nil {
			return
		}
		_, _ = w.Write(buf) // the next event's context tells that the client is gone
		_ = http.NewResponseController(w).Flush()
	}
}
