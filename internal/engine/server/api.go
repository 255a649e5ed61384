package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody bounds a request's body.
const maxBody = 32 << 20

var jsonOptions = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// api serves the loaded models.
type api struct {
	options Options
	engines []*engine
	token   [sha256.Size]byte
	routes  *http.ServeMux
}

func newAPI(o Options, engines []*engine) *api {
	a := &api{options: o, engines: engines, token: sha256.Sum256([]byte(o.Token)), routes: http.NewServeMux()}
	a.handle("GET /health", a.health)
	a.handle("GET /v1/models", a.models)
	a.handle("POST /v1/chat/completions", a.chat)
	a.handle("POST /v1/chat/count_tokens", a.countTokens)
	a.handle("POST /v1/completions", a.complete)
	a.handle("POST /v1/embeddings", a.embed)
	a.handle("POST /tokenize", a.tokenize)
	a.routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		(&fault{status: http.StatusNotFound, kind: "invalid_request_error", code: "unknown_url",
			message: "There is no " + r.Method + " " + r.URL.Path + " here."}).write(w)
	})
	return a
}

func (a *api) handle(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
	a.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := serve(w, r); err != nil {
			f := faultOf(err)
			if f.status >= http.StatusInternalServerError {
				a.options.Log.Error("request failed", "path", r.URL.Path, "error", err)
			}
			f.write(w)
		}
	})
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	if subtle.ConstantTimeCompare(given[:], a.token[:]) != 1 {
		(&fault{status: http.StatusUnauthorized, kind: "invalid_request_error", code: "invalid_api_key",
			message: "The bearer token is missing or wrong."}).write(w)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// find answers the engine that a request names; the first for no name.
func (a *api) find(name string) (*engine, error) {
	for _, e := range a.engines {
		if name == "" || e.spec.Name == name {
			return e, nil
		}
	}
	return nil, &fault{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found", param: "model",
		message: "The model " + name + " is not loaded; GET /v1/models lists those that are."}
}

// findText is find for requests that generate.
func (a *api) findText(name string) (*engine, error) {
	e, err := a.find(name)
	if err == nil && e.sched == nil {
		return nil, invalid("model", "The model %s makes embeddings, not text; use /v1/embeddings or another model.", e.spec.Name)
	}
	return e, err
}

// read decodes a request's body, refusing members it does not know.
func read(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return &fault{status: http.StatusRequestEntityTooLarge, kind: "invalid_request_error", code: "request_too_large",
				message: "The request body exceeds 32 MiB."}
		}
		return err
	}
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		var own *fault
		if errors.As(err, &own) {
			return own
		}
		var semantic *json.SemanticError
		if errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName) {
			name := semantic.JSONPointer.LastToken()
			return unsupported(name, "The parameter %s is not supported by this engine; leave it out.", name)
		}
		return invalid("", "The request body is not what this endpoint takes: %v", err)
	}
	return nil
}

func reply(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(encode(value))
	_ = err // the client is gone; there is nobody to tell
	return nil
}

func (a *api) health(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, map[string]string{"status": "ok"})
}

type modelList struct {
	Object string       `json:"object"`
	Data   []modelEntry `json:"data"`
}

// modelEntry is OpenAI's model object with llama-server's "meta".
type modelEntry struct {
	ID      string    `json:"id"`
	Object  string    `json:"object"`
	Created int64     `json:"created"`
	OwnedBy string    `json:"owned_by"`
	Meta    modelMeta `json:"meta"`
}

type modelMeta struct {
	Description   string `json:"description"`
	Vocabulary    int    `json:"n_vocab"`
	Context       int    `json:"n_ctx"`
	ContextTrain  int    `json:"n_ctx_train"`
	Embedding     int    `json:"n_embd"`
	Parameters    uint64 `json:"n_params"`
	Bytes         uint64 `json:"size"`
	EmbeddingOnly bool   `json:"embedding"`
	Tools         bool   `json:"native_tools"`
}

func (a *api) models(w http.ResponseWriter, _ *http.Request) error {
	list := modelList{Object: "list", Data: []modelEntry{}}
	for _, e := range a.engines {
		list.Data = append(list.Data, modelEntry{
			ID: e.spec.Name, Object: "model", Created: e.created, OwnedBy: "craton",
			Meta: modelMeta{
				Description: e.info.Description, Vocabulary: e.info.Vocabulary, Context: e.spec.ContextTokens,
				ContextTrain: e.info.ContextTrain, Embedding: e.info.Embedding, Parameters: e.info.Parameters,
				Bytes: e.info.Bytes, EmbeddingOnly: e.spec.Embedding, Tools: e.template != nil && e.template.NativeTools(),
			},
		})
	}
	return reply(w, list)
}

// tokenizeRequest is llama-server's.
type tokenizeRequest struct {
	Model        string `json:"model"`
	Content      string `json:"content"`
	AddSpecial   bool   `json:"add_special"`
	ParseSpecial *bool  `json:"parse_special"`
	WithPieces   bool   `json:"with_pieces"`
}

func (a *api) tokenize(w http.ResponseWriter, r *http.Request) error {
	var request tokenizeRequest
	if err := read(r, &request); err != nil {
		return err
	}
	e, err := a.find(request.Model)
	if err != nil {
		return err
	}
	parse := request.ParseSpecial == nil || *request.ParseSpecial
	tokens, err := e.tokens(request.Content, request.AddSpecial, parse)
	if err != nil {
		return err
	}
	if !request.WithPieces {
		return reply(w, map[string]any{"tokens": tokens})
	}
	type piece struct {
		ID    int32  `json:"id"`
		Piece string `json:"piece"`
	}
	pieces := make([]piece, len(tokens))
	for i, t := range tokens {
		pieces[i] = piece{int32(t), string(e.words.Piece(t, true))}
	}
	return reply(w, map[string]any{"tokens": pieces})
}
