package edge

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// Responses keeps stored responses; *response.Store implements it.
type Responses interface {
	Past(ctx context.Context, tenant, previousID string) (*response.Past, error)
	Save(ctx context.Context, past *response.Past, rec response.Record) error
	Get(ctx context.Context, tenant, id string) (*response.Record, error)
	Delete(ctx context.Context, tenant, id string) error
}

// Box seals bytes so that only the tenant they were sealed for can open them;
// *secret.Keyring implements it.
type Box interface {
	Seal(ctx context.Context, tenant, purpose, subject string, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, tenant, purpose, subject string, sealed []byte) ([]byte, error)
}

// responseRoutes serves the Responses contract.
func (h *Handler) responseRoutes(prefix string) {
	one := prefix + "/responses/{id}"
	h.handle("POST "+prefix+"/responses", responsesAPI, identity.ModelInvoke, h.createResponse)
	h.handle("GET "+one, responsesAPI, identity.SessionRead, h.getResponse)
	h.handle("DELETE "+one, responsesAPI, identity.SessionWrite, h.deleteResponse)
	h.handle("GET "+one+"/input_items", responsesAPI, identity.SessionRead, h.responseInputItems)
}

// turn is one create call of the Responses contract.
type turn struct {
	c    *call
	req  *model.Request
	opts *responses.Options
	past *response.Past
	// input holds the request's new items as they will be stored.
	input []jsontext.Value
	show  responses.ResponseOptions
}

// createResponse serves POST /v1/responses.
func (h *Handler) createResponse(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	t, err := c.newTurn()
	if err != nil {
		return err
	}
	answer, err := h.opts.Gateway.Generate(c.r.Context(), c.gateway("responses", t.req.Model), t.req)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	if t.opts.Stream {
		return t.stream(answer.Stream)
	}
	resp, err := model.Collect(answer.Stream)
	if err != nil {
		return err
	}
	t.show.Completed = h.opts.Now().Unix()
	body, losses, err := responses.EncodeResponse(resp, t.show)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	if err := t.save(body); err != nil {
		return err
	}
	return c.json(body)
}

// newTurn decodes the request and puts the chain it continues before its input.
func (c *call) newTurn() (*turn, error) {
	t := &turn{c: c}
	var err error
	if t.req, t.opts, err = responses.DecodeRequest(c.body, c.keptItem); err != nil {
		return nil, err
	}
	if err := t.admissible(); err != nil {
		return nil, err
	}
	if err := t.permitted(); err != nil {
		return nil, err
	}
	id := "resp_" + strings.ReplaceAll(c.id, "-", "")
	t.show = responses.ResponseOptions{ID: id, Created: c.start.Unix(), Model: t.req.Model, Request: t.req, Options: t.opts}
	if c.h.opts.Responses == nil || !t.opts.Stored() && t.opts.PreviousResponseID == "" {
		return t, nil
	}
	if t.past, err = c.h.opts.Responses.Past(c.r.Context(), c.who.Tenant.ID, t.opts.PreviousResponseID); err != nil {
		return nil, err
	}
	if t.input, err = inputItems(t.req, id); err != nil {
		return nil, err
	}
	return t, t.prepend()
}

// admissible refuses what this server does not do yet, in the contract's error.
func (t *turn) admissible() error {
	o := t.opts
	switch {
	case o.PreviousResponseID != "" && o.Conversation != "":
		return model.Errorf(model.Invalid, "conversation", "previous_response_id and conversation exclude each other.").
			WithHint("Send one of them.")
	case o.Background:
		return model.Errorf(model.Unsupported, "background", "Background responses are not served by this version.").
			WithHint("Leave background out, or set it to false.")
	case o.Conversation != "":
		return model.Errorf(model.Unsupported, "conversation", "Conversations are not served by this version.").
			WithHint("Continue a stored response with previous_response_id.")
	case t.c.h.opts.Responses == nil && (o.PreviousResponseID != "" || o.Store != nil && *o.Store):
		return model.Errorf(model.Unsupported, "store", "This server stores no responses.").WithHint("Set store to false.")
	}
	return nil
}

// permitted checks that the caller may read what the request continues and
// store what it asks to keep. A response that is stored only because nobody
// said otherwise is not, and the answer says so.
func (t *turn) permitted() error {
	if t.opts.PreviousResponseID != "" {
		if err := t.c.permit(identity.SessionRead); err != nil {
			return err
		}
	}
	switch asked := t.opts.Store != nil && *t.opts.Store; {
	case t.c.h.opts.Responses == nil, !asked && !t.c.who.Can(identity.SessionWrite):
		t.opts.Store = new(bool)
	case asked:
		return t.c.permit(identity.SessionWrite)
	}
	return nil
}

// prepend puts the chain's messages before the request's own, after its instructions.
func (t *turn) prepend() error {
	if len(t.past.Items) == 0 {
		return nil
	}
	raw, err := json.Marshal(t.past.Items)
	if err != nil {
		return model.Wrap(model.Internal, "edge.prepend", err)
	}
	before, err := responses.DecodeItems(raw, nil)
	if err != nil {
		return model.Wrap(model.Internal, "edge.prepend", err)
	}
	lead := 0
	for lead < len(t.req.Messages) && t.req.Messages[lead].Transient {
		lead++
	}
	all := append([]model.Message{}, t.req.Messages[:lead]...)
	all = append(all, before...)
	t.req.Messages = append(all, t.req.Messages[lead:]...)
	return nil
}

// inputItems lists a request's new items with the ids they are kept under.
func inputItems(req *model.Request, id string) ([]jsontext.Value, error) {
	var own []model.Message
	for _, m := range req.Messages {
		if !m.Transient {
			own = append(own, m)
		}
	}
	raw, _, err := responses.EncodeItems(own)
	if err != nil {
		return nil, err
	}
	items, err := responses.SplitItems(raw)
	if err != nil {
		return nil, err
	}
	kept := make([]jsontext.Value, len(items))
	for i, item := range items {
		if responses.ItemID(item) == "" {
			item = responses.WithItemID(item, itemID(id, i))
		}
		kept[i] = jsontext.Value(item)
	}
	return kept, nil
}

// save stores the finished response unless the client said not to.
func (t *turn) save(body []byte) error {
	if t.past == nil || !t.opts.Stored() {
		return nil
	}
	ctx := context.WithoutCancel(t.c.r.Context())
	rec := response.Record{ID: t.show.ID, Input: t.input, Response: jsontext.Value(append([]byte(nil), body...))}
	if err := t.c.h.opts.Responses.Save(ctx, t.past, rec); err != nil {
		return model.Wrap(model.Internal, "edge.saveResponse", err)
	}
	return nil
}

// stream answers with events; the last one is sent after the response is on
// disk. One that could not be stored ends with an error instead.
func (t *turn) stream(s model.Stream) error {
	enc := responses.NewEncoder(t.show)
	var unsaved error
	err := t.c.pump(s, "text/event-stream", enc, func(dst []byte) []byte {
		dst = enc.Start(dst)
		out := enc.Finish(dst, t.c.h.opts.Now().Unix())
		if unsaved = t.save(enc.Response()); unsaved != nil {
			return enc.AppendError(dst, model.AsError(unsaved))
		}
		return out
	})
	return cmp.Or(err, unsaved)
}

// getResponse serves GET /v1/responses/{id}.
func (h *Handler) getResponse(c *call) error {
	rec, err := h.stored(c)
	if err != nil {
		return err
	}
	if wantsStream(c) {
		return model.Errorf(model.Unsupported, "stream", "Streaming a stored response is not served by this version.").
			WithHint("Retrieve it without stream.")
	}
	return c.json(rec.Response)
}

// deleteResponse serves DELETE /v1/responses/{id}.
func (h *Handler) deleteResponse(c *call) error {
	if h.opts.Responses == nil {
		return noStoredResponse(c.r.PathValue("id"))
	}
	id := c.r.PathValue("id")
	if err := h.opts.Responses.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	body, err := json.Marshal(struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{id, "response", true})
	if err != nil {
		return err
	}
	return c.json(body)
}

func (h *Handler) stored(c *call) (*response.Record, error) {
	id := c.r.PathValue("id")
	if h.opts.Responses == nil {
		return nil, noStoredResponse(id)
	}
	return h.opts.Responses.Get(c.r.Context(), c.who.Tenant.ID, id)
}

func noStoredResponse(id string) error {
	return model.Errorf(model.NotFound, "response_id", "Response with id '%s' not found.", id)
}

// wantsStream reads the query, or the JSON body that the Go SDK sends with a GET.
func wantsStream(c *call) bool {
	if c.r.URL.Query().Get("stream") == "true" {
		return true
	}
	if c.r.Method != http.MethodGet || c.r.ContentLength <= 0 || c.ensureBody() != nil {
		return false
	}
	var body struct {
		Stream bool `json:"stream"`
	}
	return json.Unmarshal(c.body, &body) == nil && body.Stream
}
