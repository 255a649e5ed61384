package edge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// itemID names the n-th input item of a stored response.
func itemID(response string, n int) string {
	return fmt.Sprintf("item_%s_%d", response[len("resp_"):], n)
}

// resolver finds what item references of a request name: items of the
// conversation it continues, and those of stored responses.
func (c *call) resolver(body []byte) responses.Resolver {
	return func(id string) ([]byte, error) {
		conv := gjson.GetBytes(body, "conversation")
		if conv.IsObject() {
			conv = conv.Get("id")
		}
		if conv.Str != "" && c.h.opts.Conversations != nil {
			item, err := c.h.opts.Conversations.Item(c.r.Context(), c.who.Tenant.ID, conv.Str, id)
			if err == nil || model.AsError(err).Kind != model.NotFound {
				return item, err
			}
		}
		return c.keptItem(id)
	}
}

// keptItem finds an item by the stored response it belongs to, whose id an
// item's own id holds.
func (c *call) keptItem(id string) ([]byte, error) {
	_, rest, _ := strings.Cut(id, "_")
	missing := model.Errorf(model.NotFound, "id", "Item with id '%s' not found.", id)
	last := strings.LastIndexByte(rest, '_')
	if last < 0 || c.h.opts.Responses == nil {
		return nil, missing
	}
	rec, err := c.h.opts.Responses.Get(c.r.Context(), c.who.Tenant.ID, c.responseOf(id, rest[:last]))
	if err != nil {
		return nil, err
	}
	var object struct {
		Output []jsontext.Value `json:"output"`
	}
	if err := json.Unmarshal(rec.Response, &object); err != nil {
		return nil, model.Wrap(model.Internal, "edge.keptItem", err)
	}
	for _, item := range append(object.Output, rec.Input...) {
		if responses.ItemID(item) == id {
			return item, nil
		}
	}
	return nil, missing
}

// responseOf is the response that an item belongs to: its own id says so, or
// the session that made it does.
func (c *call) responseOf(id, rest string) string {
	session, _, _, ok := agent.Origin(id)
	if !ok || c.h.opts.Sessions == nil {
		return "resp_" + rest
	}
	view, err := c.h.opts.Sessions.Get(c.r.Context(), c.who.Tenant.ID, session)
	if err != nil {
		return "resp_" + rest
	}
	if k, _, err := readRun(view.State); err == nil && k != nil {
		return k.ID
	}
	return "resp_" + rest
}

// page is the list envelope of OpenAI's cursor pages.
type page struct {
	Object  string           `json:"object"`
	Data    []jsontext.Value `json:"data"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
	HasMore bool             `json:"has_more"`
}

// responseInputItems serves GET /v1/responses/{id}/input_items.
func (h *Handler) responseInputItems(c *call) error {
	q, err := c.itemQuery()
	if err != nil {
		return err
	}
	input, err := h.inputOf(c)
	if err != nil {
		return err
	}
	items := slices.Clone(input)
	if !q.oldest {
		slices.Reverse(items)
	}
	if q.after != "" {
		at := slices.IndexFunc(items, func(v jsontext.Value) bool { return responses.ItemID(v) == q.after })
		if at < 0 {
			return model.Errorf(model.Invalid, "after", "There is no item %q in this response.", q.after)
		}
		items = items[at+1:]
	}
	return c.page(items[:min(q.limit, len(items))], len(items) > q.limit, q.include)
}

// inputOf are the input items of the path's response, which may be under way.
func (h *Handler) inputOf(c *call) ([]jsontext.Value, error) {
	rec, err := h.stored(c)
	if err == nil {
		return rec.Input, nil
	}
	id, err := h.running(c, err)
	if err != nil {
		return nil, err
	}
	view, err := h.opts.Sessions.Get(c.r.Context(), c.who.Tenant.ID, id)
	if err != nil {
		return nil, err
	}
	k, _, err := readRun(view.State)
	if err == nil && (k == nil || !k.Stored) {
		err = noStoredResponse(c.r.PathValue("id"))
	}
	if err != nil {
		return nil, err
	}
	return k.Input, nil
}

// page answers with a page of items.
func (c *call) page(items []jsontext.Value, more bool, include []string) error {
	p := page{Object: "list", Data: make([]jsontext.Value, len(items)), HasMore: more}
	for i, item := range items {
		p.Data[i] = responses.Trim(item, include)
	}
	if n := len(p.Data); n > 0 {
		first, last := responses.ItemID(p.Data[0]), responses.ItemID(p.Data[n-1])
		p.FirstID, p.LastID = &first, &last
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.json(body)
}
