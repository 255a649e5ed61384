package anthropic_test

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
	wire "github.com/craton-ai/craton/internal/wire/anthropic"
)

// loopback is the script model behind the wire package's server half.
type loopback struct {
	*httptest.Server
	model    *script.Model
	inFlight atomic.Int64
	seen     func(*http.Request, []byte) // may be nil
}

func newLoopback(t testing.TB) *loopback {
	t.Helper()
	m, err := script.New(script.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l := &loopback{model: m}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Server.Close)
	return l
}

func (l *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.inFlight.Add(1)
	defer l.inFlight.Add(-1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if l.seen != nil {
		l.seen(r, body)
	}
	switch r.URL.Path {
	case "/v1/messages":
		err = l.messages(w, r, body)
	case "/v1/messages/count_tokens":
		err = l.count(w, r, body)
	case "/v1/models":
		err = l.models(w, r)
	default:
		err = model.Errorf(model.NotFound, "", "no such path")
	}
	if err != nil {
		e := model.AsError(err)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
		}
		status, answer := wire.EncodeError(e, "req_1")
		reply(w, status, answer)
	}
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (l *loopback) messages(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	s, err := l.model.Generate(r.Context(), req)
	if err != nil {
		return err
	}
	defer s.Close()
	if !req.Stream {
		resp, err := model.Collect(s)
		if err != nil {
			return err
		}
		answer, _, err := wire.EncodeResponse(resp, wire.ResponseOptions{})
		reply(w, http.StatusOK, answer)
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	enc := wire.NewEncoder(wire.ResponseOptions{})
	var buf []byte
	for {
		ev, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, _ = w.Write(enc.Finish(buf[:0]))
			return nil
		case err != nil:
			_, _ = w.Write(enc.AppendError(buf[:0], model.AsError(err)))
			return nil
		}
		if buf, err = enc.Append(buf[:0], ev); err != nil {
			return nil
		}
		_, _ = w.Write(buf)
		w.(http.Flusher).Flush()
	}
}

func (l *loopback) count(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := wire.DecodeCountRequest(body)
	if err != nil {
		return err
	}
	n, err := l.model.CountTokens(r.Context(), req)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, wire.EncodeCount(n))
	return nil
}

// models answers one card a page, so that paging is exercised.
func (l *loopback) models(w http.ResponseWriter, r *http.Request) error {
	cards, err := l.model.Models(r.Context())
	if err != nil {
		return err
	}
	at := 0
	for i := range cards {
		if cards[i].ID == r.URL.Query().Get("after_id") {
			at = i + 1
		}
	}
	reply(w, http.StatusOK, wire.EncodeModels(cards[at:at+1], at+1 < len(cards)))
	return nil
}
