package anthropic_test

import (
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/providertest"
	"github.com/craton-ai/craton/internal/provider/script"
	wire "github.com/craton-ai/craton/internal/wire/anthropic"
)

func newLoopback(t testing.TB) *providertest.Loopback {
	t.Helper()
	return providertest.New(t, script.Config{}, route, func(_ http.Header, e *model.Error) (int, []byte) { return wire.EncodeError(e, "req_1") })
}

func route(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	switch r.URL.Path {
	case "/v1/messages":
		return messages(l, w, r, body)
	case "/v1/messages/count_tokens":
		return count(l, w, r, body)
	case "/v1/models":
		return models(l, w, r)
	}
	return model.Errorf(model.NotFound, "", "no such path")
}

func messages(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	s, err := l.Model.Generate(r.Context(), req)
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
		providertest.Reply(w, http.StatusOK, answer)
		return err
	}
	providertest.Play(w, "text/event-stream", s, wire.NewEncoder(wire.ResponseOptions{}))
	return nil
}

func count(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := wire.DecodeCountRequest(body)
	if err != nil {
		return err
	}
	n, err := l.Model.CountTokens(r.Context(), req)
	if err != nil {
		return err
	}
	providertest.Reply(w, http.StatusOK, wire.EncodeCount(n))
	return nil
}

// models answers one card a page, so that paging is exercised.
func models(l *providertest.Loopback, w http.ResponseWriter, r *http.Request) error {
	cards, err := l.Model.Models(r.Context())
	if err != nil {
		return err
	}
	at := 0
	for i := range cards {
		if cards[i].ID == r.URL.Query().Get("after_id") {
			at = i + 1
		}
	}
	providertest.Reply(w, http.StatusOK, wire.EncodeModels(cards[at:at+1], at+1 < len(cards)))
	return nil
}
