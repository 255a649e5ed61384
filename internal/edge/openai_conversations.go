package edge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// conversationRoutes serves the Conversations contract.
func (h *Handler) conversationRoutes(prefix string) {
	if h.opts.Conversations == nil {
		return
	}
	one, items := prefix+"/conversations/{id}", prefix+"/conversations/{id}/items"
	h.handle("POST "+prefix+"/conversations", responsesAPI, identity.SessionWrite, h.createConversation)
	h.handle("GET "+one, responsesAPI, identity.SessionRead, h.getConversation)
	h.handle("POST "+one, responsesAPI, identity.SessionWrite, h.updateConversation)
	h.handle("DELETE "+one, responsesAPI, identity.SessionWrite, h.deleteConversation)
	h.handle("POST "+items, responsesAPI, identity.SessionWrite, h.addConversationItems)
	h.handle("GET "+items, responsesAPI, identity.SessionRead, h.listConversationItems)
	h.handle("GET "+items+"/{item}", responsesAPI, identity.SessionRead, h.getConversationItem)
	h.handle("DELETE "+items+"/{item}", responsesAPI, identity.SessionWrite, h.deleteConversationItem)
}

// createConversation serves POST /v1/conversations.
func (h *Handler) createConversation(c *call) error {
	body, err := c.conversationBody("")
	if err != nil {
		return err
	}
	if err := c.mayStore("conversation"); err != nil {
		return err
	}
	conv, err := h.opts.Conversations.Create(c.r.Context(), c.who.Tenant.ID, body.Metadata, h.newItems(body.Items))
	return c.conversation(conv, err)
}

// conversationBody reads the body of a request about a conversation.
func (c *call) conversationBody(needs string) (*responses.Conversation, error) {
	if err := c.ensureBody(); err != nil {
		return nil, err
	}
	return responses.DecodeConversation(c.body, needs)
}

// newItems gives ids to items that have none.
func (h *Handler) newItems(items [][]byte) []conversation.Item {
	out := make([]conversation.Item, len(items))
	for i, item := range items {
		id := responses.ItemID(item)
		if id == "" {
			id = responses.ItemPrefix(responses.ItemType(item)) + "_" + strings.ReplaceAll(h.opts.NewID(), "-", "")
			item = responses.WithItemID(item, id)
		}
		out[i] = conversation.Item{ID: id, Body: slices.Clone(item)}
	}
	return out
}

// conversation answers with one, or with the error of reading it.
func (c *call) conversation(conv *conversation.Conversation, err error) error {
	if err != nil {
		return err
	}
	return c.json(responses.EncodeConversation(conv.ID, conv.CreatedAt.Unix(), conv.Metadata))
}

// getConversation serves GET /v1/conversations/{id}.
func (h *Handler) getConversation(c *call) error {
	return c.conversation(h.opts.Conversations.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id")))
}

// updateConversation serves POST /v1/conversations/{id}.
func (h *Handler) updateConversation(c *call) error {
	body, err := c.conversationBody("metadata")
	if err != nil {
		return err
	}
	return c.conversation(h.opts.Conversations.Update(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"), body.Metadata))
}

// deleteConversation serves DELETE /v1/conversations/{id}.
func (h *Handler) deleteConversation(c *call) error {
	id := c.r.PathValue("id")
	if err := h.opts.Conversations.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	return c.json(responses.EncodeDeleted(id, "conversation.deleted"))
}

// addConversationItems serves POST /v1/conversations/{id}/items.
func (h *Handler) addConversationItems(c *call) error {
	body, err := c.conversationBody("items")
	if err != nil {
		return err
	}
	include, err := c.include()
	if err != nil {
		return err
	}
	if err := c.mayStore("items"); err != nil {
		return err
	}
	items := h.newItems(body.Items)
	if err := h.opts.Conversations.Add(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"), items); err != nil {
		return err
	}
	shown := make([]jsontext.Value, len(items))
	for i, item := range items {
		shown[i] = item.Body
	}
	return c.page(shown, false, include)
}

// listConversationItems serves GET /v1/conversations/{id}/items.
func (h *Handler) listConversationItems(c *call) error {
	q, err := c.itemQuery()
	if err != nil {
		return err
	}
	items, more, err := h.opts.Conversations.List(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"),
		conversation.Page{After: q.after, Limit: q.limit, Oldest: q.oldest})
	if err != nil {
		return err
	}
	return c.page(items, more, q.include)
}

// getConversationItem serves GET /v1/conversations/{id}/items/{item}.
func (h *Handler) getConversationItem(c *call) error {
	include, err := c.include()
	if err != nil {
		return err
	}
	item, err := h.opts.Conversations.Item(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"), c.r.PathValue("item"))
	if err != nil {
		return err
	}
	return c.json(responses.Trim(item, include))
}

// deleteConversationItem serves DELETE /v1/conversations/{id}/items/{item}.
func (h *Handler) deleteConversationItem(c *call) error {
	if err := h.opts.Conversations.DeleteItem(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"), c.r.PathValue("item")); err != nil {
		return err
	}
	return h.getConversation(c)
}

// itemQuery is the page of items that a request asks for.
type itemQuery struct {
	after   string
	limit   int
	oldest  bool
	include []string
}

func (c *call) itemQuery() (q itemQuery, err error) {
	query := c.r.URL.Query()
	if q.include, err = c.include(); err != nil {
		return q, err
	}
	switch order := query.Get("order"); order {
	case "", "desc":
	case "asc":
		q.oldest = true
	default:
		return q, model.Errorf(model.Invalid, "order", "order is %q; it must be asc or desc.", order)
	}
	q.after, q.limit = query.Get("after"), 20
	if s := query.Get("limit"); s != "" {
		if q.limit, err = strconv.Atoi(s); err != nil || q.limit < 1 || q.limit > 100 {
			return q, model.Errorf(model.Invalid, "limit", "limit is %q; it must be a number from 1 to 100.", s)
		}
	}
	return q, nil
}

// include is what the query asks to be shown.
func (c *call) include() ([]string, error) {
	query := c.r.URL.Query()
	include := append(query["include"], query["include[]"]...)
	return include, responses.CheckInclude(include)
}

// keepsNothing reports whether the caller's data retention mode is none.
func (c *call) keepsNothing() bool {
	return c.h.opts.KeepNothing != nil && c.h.opts.KeepNothing(c.who.Tenant)
}

// mayStore refuses to keep anything where nothing is to be kept.
func (c *call) mayStore(subject string) error {
	if !c.keepsNothing() {
		return nil
	}
	return model.Errorf(model.Unsupported, subject, "No conversation data is kept here: the data retention mode is none.").
		WithHint("Set store to false, and send the whole input with each request.")
}
