package openai_test

import (
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/providertest"
	"github.com/craton-ai/craton/internal/provider/script"
	wire "github.com/craton-ai/craton/internal/wire/openai"
)

// newLoopback is what a compatible server would be.
func newLoopback(t testing.TB) *providertest.Loopback {
	t.Helper()
	return providertest.New(t, script.Config{}, route, func(_ http.Header, e *model.Error) (int, []byte) { return wire.EncodeError(e) })
}

func route(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	switch r.URL.Path {
	case "/v1/chat/completions":
		return chat(l, w, r, body)
	case "/v1/embeddings":
		return embed(l, w, r, body)
	case "/v1/models":
		cards, err := l.Model.Models(r.Context())
		providertest.Reply(w, http.StatusOK, wire.EncodeModels(cards))
		return err
	}
	return model.Errorf(model.NotFound, "", "no such path")
}

func chat(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	req, opts, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	s, err := l.Model.Generate(r.Context(), req)
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
		providertest.Reply(w, http.StatusOK, answer)
		return err
	}
	providertest.Play(w, "text/event-stream", s, wire.NewEncoder(show))
	return nil
}

func embed(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	req, opts, err := wire.DecodeEmbedRequest(body)
	if err != nil {
		return err
	}
	resp, err := l.Model.Embed(r.Context(), req)
	if err != nil {
		return err
	}
	providertest.Reply(w, http.StatusOK, wire.EncodeEmbedResponse(resp, opts))
	return nil
}
