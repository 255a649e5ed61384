package edge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// begin starts a session that makes the response.
func (t *turn) begin() (*driver.View, error) {
	c := t.c
	if err := t.mayApprove(); err != nil {
		return nil, err
	}
	if _, _, err := c.h.opts.Gateway.Explain(c.r.Context(), c.who, t.req.Model); err != nil {
		return nil, err
	}
	c.model = t.req.Model
	d, err := t.define()
	if err != nil {
		return nil, err
	}
	echo, err := responses.Echo(t.body)
	if err != nil {
		return nil, err
	}
	contract, err := json.Marshal(runContract{ID: t.show.ID, Created: t.show.Created, Request: echo, Input: t.input,
		Stored: t.opts.Stored(), Node: c.h.opts.Instance, Listed: t.listed, Compaction: t.compaction, Sealed: t.sealed})
	if err != nil {
		return nil, err
	}
	t.attend(t.show.ID)
	view, err := c.h.opts.Sessions.Create(c.r.Context(), t.creation(d, contract))
	switch {
	case err == nil:
		err = t.adopt(view)
	case errors.Is(err, session.ErrLabelTaken) && len(t.approved) > 0:
		err = approvedBefore(err)
	default:
		err = keyReused(err)
	}
	if err != nil {
		t.leave()
		return nil, err
	}
	return view, nil
}

// creation is the session to make. Each yes in it counts once, whatever branch of
// a conversation it comes in and whatever is deleted later.
func (t *turn) creation(d agent.Definition, contract []byte) driver.Creation {
	c := t.c
	before := append(append([]model.Message{}, t.lead...), t.before...)
	if text, ok := plainInstructions(t.lead); ok {
		d.Instructions, before = &text, t.before
	}
	own := t.own
	if own == nil {
		own = []model.Message{}
	}
	creation := driver.Creation{Tenant: c.who.Tenant.ID, Label: response.RunLabel(t.show.ID), Input: own, Body: t.body,
		Created: agent.Created{Definition: d, Mode: agent.Returning, Principal: agent.Principal{Key: c.key.ID, User: t.req.User},
			Context: before, Approved: t.approved, Contract: contract}}
	for _, a := range t.approved {
		if a.Approve {
			creation.Uses = append(creation.Uses, approvalName(a.Request))
		}
	}
	if key := c.idempotencyKey(); key != "" && t.cached == nil {
		creation.Key = "responses/" + key
	}
	return creation
}

// attend counts the client among the readers of a response that is not to be
// kept.
func (t *turn) attend(id string) {
	if !t.opts.Stored() {
		t.c.h.readers.enter(id)
	}
}

// leave takes [turn.attend] back, and tells whether nobody needs what makes the
// response any more.
func (t *turn) leave() bool {
	return !t.opts.Stored() && t.c.h.readers.leave(t.show.ID)
}

// adopt takes the response of a request that came before with the same key for
// this one's.
func (t *turn) adopt(view *driver.View) error {
	k, _, err := readRun(view.State)
	if err != nil || k.ID == t.show.ID {
		return err
	}
	if t.cached != nil {
		return approvedBefore(nil) // a connection's responses are its own
	}
	t.forget()
	t.leave()
	t.attend(k.ID)
	t.sealed, t.show.ID, t.show.Created = false, k.ID, k.Created
	return nil
}

// plainInstructions are instructions that are one text.
func plainInstructions(lead []model.Message) (string, bool) {
	if len(lead) != 1 || len(lead[0].Parts) != 1 || lead[0].Role != model.RoleSystem {
		return "", false
	}
	text, ok := lead[0].Parts[0].(*model.Text)
	if !ok {
		return "", false
	}
	return text.Text, true
}

// follow tells a client what happens in a session that makes a response, until
// it has ended.
type follow struct {
	c    *call
	k    *runContract
	n    *narrator
	tail *driver.Tail
	// quiet is told when a sign of life is due; nil if none ever is.
	quiet func() error
}

// newFollow reads a session from its start.
func (c *call) newFollow(ctx context.Context, id string, style func(*responses.ResponseOptions)) (*follow, []byte, error) {
	view, err := c.h.opts.Sessions.Get(ctx, c.who.Tenant.ID, id)
	if err != nil {
		return nil, nil, err
	}
	k, show, err := readRun(view.State)
	if err != nil {
		return nil, nil, err
	}
	if style != nil {
		style(show)
	}
	tail, err := c.h.opts.Sessions.Tail(ctx, c.who.Tenant.ID, id, driver.FromStart)
	if err != nil {
		return nil, nil, err
	}
	f := &follow{c: c, k: k, tail: tail}
	var first []byte
	f.n, first = newNarrator(nil, k, *show)
	return f, first, nil
}

// run hands every piece to out, and the end only once the response is kept.
func (f *follow) run(ctx context.Context, dst []byte, out func([]byte) error) error {
	defer f.tail.Close()
	ear := f.c.listen(ctx, f.tail)
	defer ear.close()
	for {
		if f.n.done {
			if err := f.c.h.publish(context.WithoutCancel(ctx), f.c.who.Tenant.ID, f.k, f.n); err != nil {
				return err
			}
			return out(dst)
		}
		if len(dst) > 0 && !f.tail.Pending() {
			if err := out(dst); err != nil {
				return err
			}
			dst = dst[:0]
		}
		told, err := f.next(ear)
		if err != nil {
			return err
		}
		if told != nil {
			dst = f.n.tell(dst, told.Signal, told.State)
		} else if f.quiet != nil {
			if err := f.quiet(); err != nil {
				return err
			}
		}
	}
}

// next is [listener.next], with words for the client of a server that stops.
func (f *follow) next(ear *listener) (*driver.Told, error) {
	told, err := ear.next()
	if errors.Is(err, errClosing) {
		return nil, &model.Error{Kind: model.Overloaded, Message: "The server stops; the response goes on.", RetryAfter: time.Second,
			Hint: "Retrieve response '" + f.k.ID + "'.", Err: errClosing}
	}
	return told, err
}

// runResponse answers a request with a session's response.
func (t *turn) runResponse() error {
	c := t.c
	view, err := t.begin()
	if err != nil {
		t.forget()
		return err
	}
	id := view.State.Session
	if t.opts.Background && !t.opts.Stream {
		t.show.Status = "queued"
		body, _, err := responses.EncodeResponse(nil, t.show)
		if err != nil {
			return err
		}
		return c.json(body)
	}
	defer t.dispose(id)
	ctx := c.r.Context()
	f, first, err := c.newFollow(ctx, id, nil)
	if err != nil {
		return err
	}
	if t.opts.Stream {
		return c.streamRun(f, first)
	}
	if err := f.run(ctx, first, func([]byte) error { return nil }); err != nil {
		return err
	}
	return c.json(f.n.enc.Response())
}

// forget drops secrets of a response that never came to be.
func (t *turn) forget() {
	if t.sealed {
		_ = t.c.h.opts.Vaults.Forget(context.WithoutCancel(t.c.r.Context()), t.c.who.Tenant.ID, t.show.ID) // they are of no use without it
	}
}

// dispose removes the session of a response that is not to be kept once its
// last reader is done, and ends it if that reader left before.
func (t *turn) dispose(id string) {
	if !t.leave() {
		return
	}
	sessions, tenant := t.c.h.opts.Sessions, t.c.who.Tenant.ID
	ctx := context.WithoutCancel(t.c.r.Context())
	if err := sessions.Delete(ctx, tenant, id); err != nil {
		// It is under way still: it ends, and is removed then.
		_ = sessions.Send(ctx, driver.Input{Tenant: tenant, Session: id, Bodies: []agent.Body{&agent.Cancel{}}})
	}
}

// streamRun streams what happens in a session.
func (c *call) streamRun(f *follow, first []byte) error {
	c.stream = true
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(c.w)
	write := func(frames []byte) error {
		if _, err := c.w.Write(frames); err != nil {
			return clientGone(err)
		}
		if err := flush.Flush(); err != nil {
			return clientGone(err)
		}
		return nil
	}
	f.quiet = func() error { return write([]byte(": alive\n\n")) }
	err := f.run(c.r.Context(), first, write)
	if errors.Is(err, errClosing) {
		return nil // the client resumes where it stopped
	}
	return err
}

// publish keeps a response that has ended: in its chain, and in its
// conversation. It may be called any number of times.
func (h *Handler) publish(ctx context.Context, tenant string, k *runContract, n *narrator) error {
	body := n.enc.Response()
	if k.Sealed && h.opts.Vaults != nil {
		if err := h.opts.Vaults.Forget(ctx, tenant, k.ID); err != nil {
			return err
		}
	}
	if err := h.addToConversation(ctx, tenant, n.opts.Conversation, k.ID, k.Input, body); err != nil {
		return err
	}
	if !k.Stored || h.opts.Responses == nil {
		return nil
	}
	past, err := h.opts.Responses.Past(ctx, tenant, n.opts.PreviousResponseID)
	if kind := model.AsError(err); err != nil && (kind.Kind == model.Invalid || kind.Kind == model.TooLarge) {
		past, err = h.opts.Responses.Past(ctx, tenant, "") // what it continued was deleted meanwhile
	}
	if err != nil {
		return err
	}
	return h.opts.Responses.Save(ctx, past, response.Record{ID: k.ID, Input: k.Input, Response: jsontext.Value(body)})
}

// addToConversation appends a response that came to its end to its conversation, if it
// has one.
func (h *Handler) addToConversation(ctx context.Context, tenant, id, key string, input []jsontext.Value, body []byte) error {
	if id == "" || h.opts.Conversations == nil {
		return nil
	}
	var object struct {
		Status string           `json:"status"`
		Output []jsontext.Value `json:"output"`
	}
	if err := json.Unmarshal(body, &object); err != nil {
		return model.Wrap(model.Internal, "edge.addToConversation", err)
	}
	if object.Status != "completed" && object.Status != "incomplete" {
		return nil
	}
	var items []conversation.Item
	for _, item := range append(append([]jsontext.Value{}, input...), object.Output...) {
		items = append(items, conversation.Item{ID: responses.ItemID(item), Body: item})
	}
	err := h.opts.Conversations.Append(ctx, tenant, id, key, items)
	if err != nil && model.AsError(err).Kind == model.NotFound {
		return nil // it was deleted meanwhile
	}
	return err
}

// PublishResponse keeps the response that a session has made, or removes the
// session of one that is not to be kept, once nobody reads it any more. It is
// what driver.Config.Publish is to call, may be called any number of times, and
// has to be called again after an error.
func (h *Handler) PublishResponse(ctx context.Context, tenant string, state *agent.State) error {
	k, n, err := h.narrate(ctx, tenant, state.Session)
	if err != nil || k == nil {
		return gone(err)
	}
	if !n.done {
		return nil
	}
	if err := h.publish(ctx, tenant, k, n); err != nil {
		return err
	}
	if k.Stored {
		return nil
	}
	if err := h.outlastReaders(ctx, tenant, state, k); err != nil {
		return err
	}
	return gone(h.opts.Sessions.Delete(ctx, tenant, state.Session))
}

// gone is err, but nil where the session was removed.
func gone(err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// narrate tells a session's response from its journal alone, as far as it has
// come. The contract is nil for a session that makes none.
func (h *Handler) narrate(ctx context.Context, tenant, id string) (*runContract, *narrator, error) {
	var k *runContract
	var n *narrator
	var scratch []byte
	err := h.opts.Sessions.Walk(ctx, tenant, id, func(signal agent.Signal, state *agent.State) error {
		if k == nil {
			var show *responses.ResponseOptions
			var err error
			if k, show, err = readRun(state); k == nil {
				return cmp.Or(err, errNoResponse)
			}
			n, scratch = newNarrator(scratch, k, *show)
		}
		scratch = n.tell(scratch[:0], signal, state)
		return nil
	})
	if errors.Is(err, errNoResponse) {
		return nil, nil, nil
	}
	return k, n, err
}

// errNoResponse says that a session makes no response.
var errNoResponse = errors.New("edge: the session makes no response")
