package edge

import (
	"cmp"
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/gateway"
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
	Run(ctx context.Context, tenant, id string) (session string, err error)
}

// Box seals bytes so that only the tenant they were sealed for can open them;
// *secret.Keyring implements it.
type Box interface {
	Seal(ctx context.Context, tenant, purpose, subject string, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, tenant, purpose, subject string, sealed []byte) ([]byte, error)
}

// responseRoutes serves the Responses contract.
func (h *Handler) responseRoutes(prefix string) {
	all, one := prefix+"/responses", prefix+"/responses/{id}"
	h.handle("POST "+all, responsesAPI, identity.ModelInvoke, h.createResponse)
	h.handle("GET "+all, responsesAPI, identity.ModelInvoke, h.responseSocket)
	h.handle("POST "+all+"/compact", responsesAPI, identity.ModelInvoke, h.compactResponse)
	h.handle("POST "+all+"/input_tokens", responsesAPI, identity.ModelInvoke, h.countResponse)
	h.handle("GET "+one, responsesAPI, identity.SessionRead, h.getResponse)
	h.handle("DELETE "+one, responsesAPI, identity.SessionWrite, h.deleteResponse)
	h.handle("POST "+one+"/cancel", responsesAPI, identity.SessionWrite, h.cancelResponse)
	h.handle("GET "+one+"/input_items", responsesAPI, identity.SessionRead, h.responseInputItems)
}

// turn is one create call of the Responses contract.
type turn struct {
	c *call
	// body is the request, which the call's buffer may hold.
	body []byte
	req  *model.Request
	opts *responses.Options
	past *response.Past
	// cached is what a socket remembers; nil elsewhere.
	cached *cachedResponse
	// input holds the request's new items as they will be stored.
	input []jsontext.Value
	show  responses.ResponseOptions
	// The messages are lead, the instructions; before, what is continued; and
	// own, the request's.
	lead, before, own []model.Message
	approved          []agent.Approved
	listed            []string
	manage            responses.ContextManagement
	// compaction is the item that begins the output, if any; trigger asks for one.
	compaction jsontext.Value
	trigger    bool
	// lost is what a session that makes the response does not heed.
	lost []model.Loss
	// sealed says that secrets are kept under the response's id.
	sealed bool
}

// createResponse serves POST /v1/responses.
func (h *Handler) createResponse(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	t, err := c.newTurn(c.body, nil)
	if err != nil {
		return err
	}
	if err := t.sayable(); err != nil {
		return err
	}
	if err := t.manageContext(); err != nil {
		return err
	}
	if t.runs() {
		return t.runResponse()
	}
	answer, err := t.ask()
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, answer.Losses)
	if t.opts.Stream {
		return t.stream(answer.Stream)
	}
	body, losses, err := t.collect(answer.Stream)
	if err != nil {
		return err
	}
	c.label(answer.Upstream, answer.Model, append(answer.Losses, losses...))
	if err := t.save(body); err != nil {
		return err
	}
	return c.json(body)
}

// collect reads a whole answer and writes it as a response object.
func (t *turn) collect(s model.Stream) ([]byte, []model.Loss, error) {
	resp, err := model.Collect(s)
	if err != nil {
		return nil, nil, err
	}
	enc := responses.NewWhole(t.show)
	scratch := t.open(enc)
	for _, ev := range model.ExplodeResponse(resp) {
		if scratch, err = enc.Append(scratch[:0], ev); err != nil {
			return nil, nil, err
		}
	}
	enc.Finish(scratch[:0], t.c.h.opts.Now().Unix())
	return enc.Response(), enc.Losses(), nil
}

// open begins an answer.
func (t *turn) open(enc *responses.Encoder) []byte {
	return appendCompaction(enc.Start(nil), enc, t.compaction)
}

// ask asks the model, with less of the past where it does not fit and the
// client allows that.
func (t *turn) ask() (*gateway.Answer, error) {
	for {
		ctx, asked := t.c.gateway("responses", t.req.Model)
		answer, err := t.c.h.opts.Gateway.Generate(ctx, asked, t.req)
		if err == nil || t.opts.Truncation != "auto" || model.AsError(err).Kind != model.ContextLength {
			return answer, err
		}
		shorter, ok := agent.Shorten(t.req.Messages)
		if !ok {
			return nil, err
		}
		t.req.Messages, t.c.asked = shorter, nil
	}
}

// newTurn decodes the request and puts what it continues before its input.
// cached is what a socket remembers, nil elsewhere.
func (c *call) newTurn(body []byte, cached *cachedResponse) (*turn, error) {
	t := &turn{c: c, body: body, cached: cached}
	var err error
	if t.req, t.opts, err = responses.DecodeRequest(body, c.resolver(body)); err != nil {
		return nil, err
	}
	if err := t.admissible(); err != nil {
		return nil, err
	}
	if err := t.permitted(); err != nil {
		return nil, err
	}
	if t.manage, err = t.opts.Management(); err != nil {
		return nil, err
	}
	id := "resp_" + strings.ReplaceAll(c.id, "-", "")
	t.show = responses.ResponseOptions{ID: id, Created: c.start.Unix(), Model: t.req.Model, Request: t.req, Options: t.opts}
	if t.input, err = inputItems(t.req, id); err != nil {
		return nil, err
	}
	before, err := t.continued()
	if err != nil {
		return nil, err
	}
	return t, t.arrange(before)
}

// continued is what the request continues.
func (t *turn) continued() ([]model.Message, error) {
	items, err := t.continuedItems()
	if err != nil {
		return nil, err
	}
	if t.past == nil || len(items) != len(t.past.Items) || t.opts.Conversation != "" {
		return decodeItems(items)
	}
	// These are the chain's own, most of which were read for the turn before.
	known, n := t.past.Known()
	messages, err := continueItems(known, items[n:])
	if err == nil {
		t.past.Know(messages)
	}
	return messages, err
}

// continuedItems are the items that the request continues.
func (t *turn) continuedItems() (items []jsontext.Value, err error) {
	ctx, tenant, previous := t.c.r.Context(), t.c.who.Tenant.ID, t.opts.PreviousResponseID
	remembered := t.cached != nil && previous != "" && t.cached.id == previous
	if remembered && !t.cached.stored {
		previous, items = "", t.cached.items
	}
	if t.c.h.opts.Responses != nil && (t.opts.Stored() || previous != "") {
		if t.past, err = t.c.h.opts.Responses.Past(ctx, tenant, previous); err != nil {
			return nil, err
		}
		items = append(items, t.past.Items...)
	}
	if t.opts.Conversation != "" {
		return t.c.h.opts.Conversations.All(ctx, tenant, t.opts.Conversation)
	}
	return items, nil
}

// arrange lays out the messages that the model is told, after those before.
func (t *turn) arrange(before []model.Message) error {
	n := 0
	for n < len(t.req.Messages) && t.req.Messages[n].Transient {
		n++
	}
	t.lead, t.own = t.req.Messages[:n:n], t.req.Messages[n:]
	if err := answered(before, t.own); err != nil {
		return err
	}
	p, own, err := t.c.expand(before, t.own)
	if err != nil {
		return err
	}
	t.before, t.own, t.approved, t.listed, t.trigger = p.messages, own, p.approved, p.listed, p.trigger
	t.join()
	return nil
}

// join makes the request's messages of its parts.
func (t *turn) join() {
	all := make([]model.Message, 0, len(t.lead)+len(t.before)+len(t.own))
	t.req.Messages = append(append(append(all, t.lead...), t.before...), t.own...)
}

// sayable refuses a request that tells the model nothing at all.
func (t *turn) sayable() error {
	if len(t.req.Messages) > 0 || t.trigger {
		return nil
	}
	return model.Errorf(model.Invalid, "input", "The input is empty, and there is nothing that it continues.")
}

// admissible refuses what this server does not do, in the contract's error.
func (t *turn) admissible() error {
	o, h := t.opts, t.c.h
	refused := o.Store != nil && !*o.Store
	switch {
	case o.Prompt != nil:
		return model.Errorf(model.Unsupported, "prompt", "This server keeps no prompts.").WithHint("Send what the prompt says as instructions and input.")
	case o.Moderation != nil:
		return model.Errorf(model.Unsupported, "moderation", "This server moderates nothing.").WithHint("Leave moderation out.")
	case o.Conversation != "" && h.opts.Conversations == nil:
		return model.Errorf(model.Unsupported, "conversation", "This server keeps no conversations.").
			WithHint("Continue a stored response with previous_response_id.")
	case o.Conversation != "" && t.c.keepsNothing():
		return t.c.mayStore("conversation") // it would be added to
	case h.opts.Responses == nil && (o.PreviousResponseID != "" && t.cached == nil || o.Store != nil && *o.Store):
		return model.Errorf(model.Unsupported, "store", "This server stores no responses.").WithHint("Set store to false.")
	case o.Background && h.opts.Sessions == nil:
		return model.Errorf(model.Unsupported, "background", "This server runs no responses in the background.").
			WithHint("Leave background out, or set it to false.")
	case o.Background && t.c.keepsNothing():
		return t.c.mayStore("background")
	case o.Background && refused:
		return model.Errorf(model.Invalid, "background", "A response in the background is stored: background needs store to be true.")
	case o.Store != nil && *o.Store:
		return t.c.mayStore("store")
	}
	return nil
}

// permitted checks that the caller may read what the request continues and
// store what it asks to keep. A response that is stored only because nobody
// said otherwise is not, and the answer says so.
func (t *turn) permitted() error {
	if t.opts.PreviousResponseID != "" || t.opts.Conversation != "" {
		if err := t.c.permit(identity.SessionRead); err != nil {
			return err
		}
	}
	asked := t.opts.Store != nil && *t.opts.Store || t.opts.Background || t.opts.Conversation != "" || t.runs()
	switch h := t.c.h; {
	case asked:
		if err := t.c.permit(identity.SessionWrite); err != nil {
			return err
		}
		if t.c.keepsNothing() {
			t.opts.Store = new(bool)
		}
	case h.opts.Responses == nil, t.c.keepsNothing(), !t.c.who.Can(identity.SessionWrite):
		t.opts.Store = new(bool)
	}
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

// save keeps the finished response unless the client said not to, and adds it
// to its conversation.
func (t *turn) save(body []byte) error {
	ctx := context.WithoutCancel(t.c.r.Context())
	h, tenant := t.c.h, t.c.who.Tenant.ID
	if err := h.addToConversation(ctx, tenant, t.opts.Conversation, t.show.ID, t.input, body); err != nil {
		return model.Wrap(model.Internal, "edge.saveResponse", err)
	}
	if t.past == nil || !t.opts.Stored() {
		return nil
	}
	rec := response.Record{ID: t.show.ID, Input: t.input, Response: jsontext.Value(append([]byte(nil), body...))}
	if err := h.opts.Responses.Save(ctx, t.past, rec); err != nil {
		return model.Wrap(model.Internal, "edge.saveResponse", err)
	}
	return nil
}

// opened is an encoder with what stands before its first event.
type opened struct {
	*responses.Encoder
	lead []byte
}

func (o *opened) before(dst []byte) []byte {
	dst = append(dst, o.lead...)
	o.lead = nil
	return dst
}

// Append implements encoder.
func (o *opened) Append(dst []byte, ev model.Event) ([]byte, error) {
	return o.Encoder.Append(o.before(dst), ev)
}

// AppendError implements encoder.
func (o *opened) AppendError(dst []byte, err *model.Error) []byte {
	return o.Encoder.AppendError(o.before(dst), err)
}

// stream answers with events; the last one is sent after the response is on
// disk. One that could not be stored ends with an error instead.
func (t *turn) stream(s model.Stream) error {
	enc := responses.NewEncoder(t.show)
	o := &opened{enc, t.open(enc)}
	var unsaved error
	err := t.c.pump(s, "text/event-stream", o, func(dst []byte) []byte {
		dst, unsaved = t.finish(o.before(dst), enc)
		return dst
	})
	return cmp.Or(err, unsaved)
}

// finish keeps the response and ends its stream.
func (t *turn) finish(dst []byte, enc *responses.Encoder) ([]byte, error) {
	out := enc.Finish(dst, t.c.h.opts.Now().Unix())
	if err := t.save(enc.Response()); err != nil {
		return enc.AppendError(dst, model.AsError(err)), err
	}
	return out, nil
}
