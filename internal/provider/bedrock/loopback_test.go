package bedrock_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/model"
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

// loopback is the script model behind the wire package's server half.
type loopback struct {
	*httptest.Server
	model    *script.Model
	inFlight atomic.Int64
	seen     func(*http.Request, []byte) // may be nil
}

func newLoopback(t testing.TB) *loopback {
	t.Helper()
	cards := script.Cards()
	for _, id := range []string{titan, cohere} {
		cards = append(cards, model.Card{ID: id, Dimensions: 64, Capabilities: []model.Capability{model.CanEmbed}})
	}
	m, err := script.New(script.Config{Models: cards})
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
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000001")
	if err := l.route(w, r, body); err != nil {
		e := model.AsError(err)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
		}
		name, _ := wire.Exception(e)
		w.Header().Set("X-Amzn-Errortype", name)
		status, answer := wire.EncodeError(e)
		reply(w, status, answer)
	}
}

func (l *loopback) route(w http.ResponseWriter, r *http.Request, body []byte) error {
	switch r.URL.Path {
	case "/foundation-models":
		reply(w, http.StatusOK, []byte(`{"modelSummaries":[{"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/script-chat","modelId":"script-chat","modelName":"Script","providerName":"Craton","inputModalities":["TEXT"],"outputModalities":["TEXT"],"responseStreamingSupported":true,"inferenceTypesSupported":["ON_DEMAND"],"modelLifecycle":{"status":"ACTIVE"}},{"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/profile-only","modelId":"profile-only","inferenceTypesSupported":["INFERENCE_PROFILE"],"outputModalities":["TEXT"]}]}`))
		return nil
	case "/inference-profiles":
		if r.URL.Query().Get("nextToken") == "" {
			reply(w, http.StatusOK, []byte(`{"inferenceProfileSummaries":[],"nextToken":"a b"}`))
			return nil
		}
		reply(w, http.StatusOK, []byte(`{"inferenceProfileSummaries":[{"inferenceProfileId":"eu.profile-only","inferenceProfileName":"EU","models":[{"modelArn":"arn:aws:bedrock:eu-west-1::foundation-model/profile-only"}]}]}`))
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
		return l.converse(w, r, id, body, action == "converse-stream")
	case "count-tokens":
		return l.count(w, r, id, body)
	case "invoke":
		return l.embed(w, r, id, body)
	}
	return model.Errorf(model.NotFound, "", "no such path")
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (l *loopback) converse(w http.ResponseWriter, r *http.Request, id string, body []byte, stream bool) error {
	req, err := wire.DecodeRequest(body)
	if err != nil {
		return err
	}
	req.Model, req.Stream = id, stream
	s, err := l.model.Generate(r.Context(), req)
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
		reply(w, http.StatusOK, answer)
		return err
	}
	w.Header().Set("Content-Type", frame.ContentType)
	enc := wire.NewEncoder(opts)
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

func (l *loopback) count(w http.ResponseWriter, r *http.Request, id string, body []byte) error {
	in, err := wire.DecodeCountTokens(body)
	if err != nil {
		return err
	}
	in.Converse.Model = id
	n, err := l.model.CountTokens(r.Context(), in.Converse)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, wire.EncodeCount(n))
	return nil
}

func (l *loopback) embed(w http.ResponseWriter, r *http.Request, id string, body []byte) error {
	family := invoke.FamilyOf(id, nil)
	req, err := invoke.DecodeEmbedRequest(family, body)
	if err != nil {
		return err
	}
	req.Model = id
	resp, err := l.model.Embed(r.Context(), req)
	if err != nil {
		return err
	}
	answer, err := invoke.EncodeEmbedResponse(family, req, resp, invoke.Options{Model: id})
	if err != nil {
		return err
	}
	w.Header().Set("X-Amzn-Bedrock-Input-Token-Count", strconv.FormatInt(resp.Usage.Input, 10))
	reply(w, http.StatusOK, answer)
	return nil
}
