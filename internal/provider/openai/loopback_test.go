package openai_test

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
	wire "github.com/craton-ai/craton/internal/wire/openai"
)

// loopback is the script model behind the wire package's server half, as a
// compatible server would be.
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
	case "/v1/chat/completions":
		err = l.chat(w, r, body)
	case "/v1/embeddings":
		err = l.embed(w, r, body)
	case "/v1/models":
		cards, _ := l.model.Models(r.Context())
		reply(w, http.StatusOK, wire.EncodeModels(cards))
	default:
		err = model.Errorf(model.NotFound, "", "no such path")
	}
	if err != nil {
		e := model.AsError(err)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
		}
		status, answer := wire.EncodeError(e)
		reply(w, status, answer)
	}
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (l *loopback) chat(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, opts, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	s, err := l.model.Generate(r.Context(), req)
	if err != nil {
		return err
	}
	defer s.Close()
	show := wire.EncoderOptions{IncludeUsage: opts.IncludeUsage}
	if !req.Stream {
		resp, err := model.Collect(s)
		if err != nil {
			return err
		}
		answer, _, err := wire.EncodeResponse(resp, show)
		reply(w, http.StatusOK, answer)
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	enc := wire.NewEncoder(show)
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

func (l *loopback) embed(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, opts, err := wire.DecodeEmbedRequest(body)
	if err != nil {
		return err
	}
	resp, err := l.model.Embed(r.Context(), req)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, wire.EncodeEmbedResponse(resp, opts))
	return nil
}
