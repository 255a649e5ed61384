package edge

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// adminSessionRoutes lists what the command line does with sessions beyond the
// Agents API.
func (h *Handler) adminSessionRoutes() {
	if h.opts.Sessions == nil {
		return
	}
	const one = "/admin/v1/sessions/{session_id}"
	h.handle("GET /admin/v1/sessions", adminAPI, identity.SessionRead, h.adminListSessions)
	h.handle("GET "+one, adminAPI, identity.SessionRead, h.adminShowSession)
	h.handle("GET "+one+"/journal", adminAPI, identity.SessionRead, h.adminJournal)
	h.handle("POST "+one+"/replay", adminAPI, identity.SessionRead, h.adminReplay)
	h.handle("POST "+one+"/fork", adminAPI, identity.SessionWrite, h.adminFork)
	h.handle("POST "+one+"/cancel", adminAPI, identity.SessionWrite, h.adminCancel)
	h.handle("POST "+one+"/requeue", adminAPI, identity.SessionWrite, h.adminRequeue)
}

// adminSession is a session as the admin API shows it.
type adminSession struct {
	ID string `json:"id"`
	// Kind is "agent" for the Agents API's, "response" for what makes a response,
	// "chain" for what holds stored responses.
	Kind        string            `json:"kind"`
	Agent       string            `json:"agent"`
	Model       string            `json:"model"`
	Status      string            `json:"status"`
	Events      uint64            `json:"events"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	CostNanoUSD int64             `json:"cost_nano_usd"`
	CostUnknown bool              `json:"cost_unknown,omitzero"`
	Tokens      int64             `json:"tokens"`
	Metadata    map[string]string `json:"metadata,omitzero"`
	// Parent and ParentSeq are what a fork continues.
	Parent    string `json:"parent,omitzero"`
	ParentSeq uint64 `json:"parent_seq,omitzero"`
	// Node holds the session; Quarantine says why nobody does.
	Node       string `json:"node,omitzero"`
	Quarantine string `json:"quarantine,omitzero"`
}

func shownAdminSession(v *driver.View) adminSession {
	s, kind := v.State, "agent"
	if s.Settings.Mode == agent.Returning {
		kind = "response"
	}
	return adminSession{
		ID: s.Session, Kind: kind, Agent: s.Settings.Definition.ID, Model: s.Settings.Definition.Model, Status: string(s.Status()),
		Events: v.Head.Seq, CreatedAt: instant(s.CreatedAt), UpdatedAt: instant(s.Clock), CostNanoUSD: s.Spent.Cost,
		CostUnknown: s.Spent.Unpriced > 0, Tokens: s.Spent.Usage.Total(), Metadata: s.Settings.Metadata,
		Parent: v.Head.Parent.Session, ParentSeq: v.Head.Parent.Seq,
	}
}

func (h *Handler) adminListSessions(c *call) error {
	query := c.r.URL.Query()
	q := driver.Query{Tenant: c.who.Tenant.ID, Status: query.Get("status"), Agent: query.Get("agent"), After: query.Get("after"), Limit: 100}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return model.Errorf(model.Invalid, "limit", "limit must be a whole number from 1 to 1000.")
		}
		q.Limit = n
	}
	views, err := h.opts.Sessions.List(c.r.Context(), q)
	if err != nil {
		return err
	}
	all := make([]adminSession, len(views))
	for i, v := range views {
		all[i] = shownAdminSession(v)
	}
	return c.answer(list[adminSession]{Data: all})
}

func (h *Handler) adminShowSession(c *call) error {
	shown, err := c.shownAdmin()
	if err != nil {
		return err
	}
	return c.answer(shown)
}

// adminEvent is an event of a journal as the admin API shows it.
type adminEvent struct {
	Seq     uint64         `json:"seq"`
	At      string         `json:"at"`
	Type    string         `json:"type"`
	Version int            `json:"version"`
	Label   string         `json:"label,omitzero"`
	Hash    string         `json:"hash"`
	Payload jsontext.Value `json:"payload,omitzero"`
	Erased  bool           `json:"erased,omitzero"`
}

// journalPage is how many events one request answers at most.
const journalPage = 500

func (h *Handler) adminJournal(c *call) error {
	var after uint64
	if text := c.r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 63); err != nil {
			return model.Errorf(model.Invalid, "after", "after must be the number of an event.")
		}
	}
	events, err := c.journal(after)
	if err != nil {
		return err
	}
	all := make([]adminEvent, len(events))
	for i, e := range events {
		all[i] = adminEvent{Seq: e.Seq, At: e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), Type: e.Type, Version: e.Version,
			Label: e.Label, Hash: e.Hash.String(), Erased: e.Erased}
		if payload := jsontext.Value(e.Payload); e.Type != session.SubmissionType && payload.IsValid() {
			all[i].Payload = payload
		}
	}
	return c.answer(list[adminEvent]{Data: all})
}

func (h *Handler) adminReplay(c *call) error {
	if err := c.driven(); err != nil {
		return err
	}
	n, err := h.opts.Sessions.Replay(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"))
	if err != nil {
		return err
	}
	return c.answer(struct {
		Events int `json:"events"`
	}{n})
}

func (h *Handler) adminFork(c *call) error {
	var body struct {
		Seq      uint64            `json:"seq"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if err := c.driven(); err != nil {
		return err
	}
	view, err := h.opts.Sessions.Fork(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"), body.Seq,
		agent.Forked{Principal: agent.Principal{Key: c.key.ID}, Metadata: body.Metadata})
	if err != nil {
		return err
	}
	return c.answer(shownAdminSession(view))
}

func (h *Handler) adminCancel(c *call) error {
	if err := c.driven(); err != nil {
		return err
	}
	id := c.r.PathValue("session_id")
	err := h.opts.Sessions.Send(c.r.Context(), driver.Input{Tenant: c.who.Tenant.ID, Session: id, Bodies: []agent.Body{&agent.Cancel{}}})
	if err != nil {
		return err
	}
	return h.adminShowSession(c)
}

func (h *Handler) adminRequeue(c *call) error {
	if err := c.driven(); err != nil {
		return err
	}
	if err := h.opts.Sessions.Requeue(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id")); err != nil {
		return err
	}
	return h.adminShowSession(c)
}
