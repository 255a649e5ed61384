package edge

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// getResponse serves GET /v1/responses/{id}.
func (h *Handler) getResponse(c *call) error {
	if _, err := c.include(); err != nil {
		return err
	}
	if wantsStream(c) {
		return h.replay(c)
	}
	rec, err := h.stored(c)
	if err == nil {
		return c.json(rec.Response)
	}
	body, missing := h.underWay(c, err)
	if missing != nil {
		return missing
	}
	return c.json(body)
}

// underWay is a response that has not ended, or ended this moment; err says
// that it is not stored.
func (h *Handler) underWay(c *call, err error) ([]byte, error) {
	id, err := h.running(c, err)
	if err != nil {
		return nil, err
	}
	k, n, err := h.narrate(c.r.Context(), c.who.Tenant.ID, id)
	if err != nil {
		return nil, err
	}
	if k == nil || !k.Stored {
		return nil, noStoredResponse(c.r.PathValue("id"))
	}
	if n.done {
		return n.enc.Response(), nil
	}
	return n.enc.Snapshot("in_progress"), nil
}

// running is the session that makes the response of the request's path; err
// says that it is not stored, and stands if there is no session either.
func (h *Handler) running(c *call, err error) (string, error) {
	if model.AsError(err).Kind != model.NotFound || h.opts.Responses == nil || h.opts.Sessions == nil {
		return "", err
	}
	id, missing := h.opts.Responses.Run(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"))
	if missing != nil {
		return "", missing
	}
	return id, nil
}

// replay streams a response from its start, or from what the client saw last.
func (h *Handler) replay(c *call) error {
	skip, err := startingAfter(c)
	if err != nil {
		return err
	}
	_, missing := h.stored(c)
	if missing == nil {
		missing = noStoredResponse(c.r.PathValue("id"))
	} else if model.AsError(missing).Kind != model.NotFound {
		return missing
	}
	id, err := h.running(c, missing)
	if err != nil {
		return h.replayWhole(c, skip)
	}
	f, first, err := c.newFollow(c.r.Context(), id, func(show *responses.ResponseOptions) { show.Skip = skip })
	if err != nil {
		return err
	}
	if !f.k.Stored {
		f.tail.Close()
		return noStoredResponse(c.r.PathValue("id"))
	}
	return c.streamRun(f, first)
}

// replayWhole streams a response that was answered at once: its items, as they
// are. It has no numbers to continue from.
func (h *Handler) replayWhole(c *call, skip int64) error {
	rec, err := h.stored(c)
	if err != nil {
		return err
	}
	if skip > 0 {
		return model.Errorf(model.Invalid, "starting_after", "This response was not created in the background: its stream cannot be resumed.").
			WithHint("Leave starting_after out to stream it from its start.")
	}
	c.stream = true
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("Cache-Control", "no-cache")
	_, err = c.w.Write(responses.Replay(nil, rec.Response))
	return err
}

// startingAfter is how many events the client has.
func startingAfter(c *call) (int64, error) {
	text := c.r.URL.Query().Get("starting_after")
	if text == "" {
		if after := gjson.GetBytes(c.body, "starting_after"); after.Type == gjson.Number {
			text = after.Raw
		}
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 53)
	if err != nil || n < 0 {
		return 0, model.Errorf(model.Invalid, "starting_after", "starting_after is %q; it must be the sequence number of an event.", truncate(text, 40))
	}
	return n + 1, nil
}

// deleteResponse serves DELETE /v1/responses/{id}.
func (h *Handler) deleteResponse(c *call) error {
	id := c.r.PathValue("id")
	if h.opts.Responses == nil {
		return noStoredResponse(id)
	}
	ctx, tenant := c.r.Context(), c.who.Tenant.ID
	run, none := h.opts.Responses.Run(ctx, tenant, id)
	if none == nil && h.opts.Sessions != nil {
		// What made it goes first: it would store the response again.
		if err := h.opts.Sessions.Delete(ctx, tenant, run); err != nil && model.AsError(err).Kind != model.NotFound {
			if model.AsError(err).Kind == model.Conflict {
				return model.Errorf(model.Conflict, "response_id", "The response has not ended yet.").WithHint("Cancel it, then delete it.")
			}
			return err
		}
	}
	err := h.opts.Responses.Delete(ctx, tenant, id)
	if err != nil && !(none == nil && model.AsError(err).Kind == model.NotFound) {
		return err
	}
	return c.json(responses.EncodeDeleted(id, "response"))
}

// cancelWait is how long a cancellation is waited for.
const cancelWait = 10 * time.Second

// cancelResponse serves POST /v1/responses/{id}/cancel. A response that has
// ended is answered as it is.
func (h *Handler) cancelResponse(c *call) error {
	rec, err := h.stored(c)
	if err == nil {
		if !gjson.GetBytes(rec.Response, "background").Bool() {
			return notInBackground()
		}
		return c.json(rec.Response)
	}
	id, err := h.running(c, err)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), cancelWait)
	defer cancel()
	f, first, err := c.newFollow(ctx, id, nil)
	if err != nil {
		return err
	}
	if !f.n.opts.Background {
		f.tail.Close()
		return notInBackground()
	}
	if first, err = f.begun(ctx, first); err == nil {
		err = h.opts.Sessions.Send(ctx, driver.Input{Tenant: c.who.Tenant.ID, Session: id, Bodies: []agent.Body{&agent.Cancel{}}})
	}
	if err != nil {
		f.tail.Close()
		return err
	}
	if err := f.run(ctx, first, func([]byte) error { return nil }); err != nil {
		if ctx.Err() == nil || c.r.Context().Err() != nil {
			return err
		}
		return c.json(f.n.enc.Snapshot("in_progress")) // it ends as soon as what runs lets go
	}
	return c.json(f.n.enc.Response())
}

// begun reads until there is a turn to cancel.
func (f *follow) begun(ctx context.Context, dst []byte) ([]byte, error) {
	ear := f.c.listen(ctx, f.tail)
	defer ear.close()
	for {
		told, err := f.next(ear)
		if err != nil {
			return dst, err
		}
		if told == nil {
			continue
		}
		if dst = f.n.tell(dst, told.Signal, told.State); told.Kind == agent.SignalTurnCreated {
			return dst, nil
		}
	}
}

func notInBackground() error {
	return model.Errorf(model.Invalid, "response_id", "Only responses that were created with background: true can be cancelled.").
		WithHint("Close the connection of one that is answered at once.")
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
