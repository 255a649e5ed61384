package bedrock_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/providertest"
	"github.com/craton-ai/craton/internal/provider/script"
	wire "github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/invoke"
)

// Ids whose family tells which native body embeds; the script model answers for them.
const (
	titan  = "amazon.titan-embed-text-v2:0"
	cohere = "cohere.embed-english-v3"
)

func newLoopback(t testing.TB) *providertest.Loopback {
	t.Helper()
	cards := script.Cards()
	for _, id := range []string{titan, cohere} {
		cards = append(cards, model.Card{ID: id, Dimensions: 64, Capabilities: []model.Capability{model.CanEmbed}})
	}
	return providertest.New(t, script.Config{Models: cards}, route, func(h http.Header, e *model.Error) (int, []byte) {
		name, _ := wire.Exception(e)
		h.Set("X-Amzn-Errortype", name)
		return wire.EncodeError(e)
	})
}

func route(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, body []byte) error {
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000001")
	switch r.URL.Path {
	case "/foundation-models":
		providertest.Reply(w, http.StatusOK, []byte(`{"modelSummaries":[{"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/script-chat","modelId":"script-chat","modelName":"Script","providerName":"Craton","inputModalities":["TEXT"],"outputModalities":["TEXT"],"responseStreamingSupported":true,"inferenceTypesSupported":["ON_DEMAND"],"modelLifecycle":{"status":"ACTIVE"}},{"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/profile-only","modelId":"profile-only","inferenceTypesSupported":["INFERENCE_PROFILE"],"outputModalities":["TEXT"]}]}`))
		return nil
	case "/inference-profiles":
		if r.URL.Query().Get("nextToken") == "" {
			providertest.Reply(w, http.StatusOK, []byte(`{"inferenceProfileSummaries":[],"nextToken":"a b"}`))
			return nil
		}
		providertest.Reply(w, http.StatusOK, []byte(`{"inferenceProfileSummaries":[{"inferenceProfileId":"eu.profile-only","inferenceProfileName":"EU","models":[{"modelArn":"arn:aws:bedrock:eu-west-1::foundation-model/profile-only"}]}]}`))
		return nil
	}
	rest, _ := strings.CutPrefix(r.URL.EscapedPath(), "/model/")
	escaped, action, _ := strings.Cut(rest, "/")
	id, err := url.PathUnescape(escaped)
	if err != nil {
		return model.Errorf(model.Invalid, "modelId", "bad path")
	}
	switch action {
	case "converse", "converse-stream":
		return converse(l, w, r, id, body, action == "converse-stream")
	case "count-tokens":
		return count(l, w, r, id, body)
	case "invoke":
		return embed(l, w, r, id, body)
	}
	return model.Errorf(model.NotFound, "", "no such path")
}

func converse(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, id string, body []byte, stream bool) error {
	req, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	req.Model, req.Stream = id, stream
	s, err := l.Model.Generate(r.Context(), req)
	if err != nil {
		return err
	}
	defer s.Close()
	opts := wire.Options{ResponsePaths: req.ResponsePaths}
	if !stream {
		resp, err := model.Collect(s)
		if err != nil {
			return err
		}
		answer, _, err := wire.EncodeResponse(resp, opts)
		providertest.Reply(w, http.StatusOK, answer)
		return err
	}
	providertest.Play(w, frame.ContentType, s, wire.NewEncoder(opts))
	return nil
}

func count(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, id string, body []byte) error {
	in, err := wire.DecodeCountTokens(body)
	if err != nil {
		return err
	}
	in.Converse.Model = id
	n, err := l.Model.CountTokens(r.Context(), in.Converse)
	if err != nil {
		return err
	}
	providertest.Reply(w, http.StatusOK, wire.EncodeCount(n))
	return nil
}

func embed(l *providertest.Loopback, w http.ResponseWriter, r *http.Request, id string, body []byte) error {
	family := invoke.FamilyOf(id, nil)
	req, err := invoke.DecodeEmbedRequest(family, body)
	if err != nil {
		return err
	}
	req.Model = id
	resp, err := l.Model.Embed(r.Context(), req)
	if err != nil {
		return err
	}
	answer, err := invoke.EncodeEmbedResponse(family, req, resp, invoke.Options{Model: id})
	if err != nil {
		return err
	}
	w.Header().Set("X-Amzn-Bedrock-Input-Token-Count", strconv.FormatInt(resp.Usage.Input, 10))
	providertest.Reply(w, http.StatusOK, answer)
	return nil
}
