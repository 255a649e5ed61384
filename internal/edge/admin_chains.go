package edge

import (
	"context"
	"strings"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Chains finds and reads the sessions that hold stored responses;
// *response.Store implements it.
type Chains interface {
	Chain(ctx context.Context, tenant, id string) (session.Session, error)
	Events(ctx context.Context, chain *session.Session, after uint64, limit int) ([]session.Event, error)
}

// kindChain is what the admin API calls a session that holds stored responses.
const kindChain = "chain"

// chain finds the session of stored responses that a path names, by the id of
// one of them or by its own; nil where it names another. A response that a
// session made is found there, as long as that is kept: the path then names it.
func (c *call) chain() (*session.Session, error) {
	ctx, tenant, id := c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id")
	if c.h.opts.Chains == nil {
		return nil, nil
	}
	named := strings.HasPrefix(id, "resp_")
	if named && c.h.opts.Responses != nil {
		if run, err := c.h.opts.Responses.Run(ctx, tenant, id); err == nil {
			if _, err := c.h.opts.Sessions.Entry(ctx, tenant, run); err == nil {
				c.r.SetPathValue("session_id", run)
				return nil, nil
			}
		}
	}
	head, err := c.h.opts.Chains.Chain(ctx, tenant, id)
	switch {
	case err == nil:
		c.r.SetPathValue("session_id", head.ID)
		return &head, nil
	case !named && model.AsError(err).Kind == model.NotFound:
		return nil, nil
	}
	return nil, err
}

// driven refuses a chain: nobody runs one.
func (c *call) driven() error {
	head, err := c.chain()
	if head == nil {
		return err
	}
	return model.Errorf(model.Invalid, "session_id", "Session '%s' holds stored responses: it has no state to fold, and nothing runs in it.", head.ID).
		WithHint("`craton sessions show` prints its responses; previous_response_id goes on from any of them.")
}

// shownChain is a chain as the admin API shows it.
func (c *call) shownChain(head *session.Session) (adminSession, error) {
	last, err := c.h.opts.Chains.Events(c.r.Context(), head, head.Seq-1, 1)
	if err != nil {
		return adminSession{}, err
	}
	shown := adminSession{ID: head.ID, Kind: kindChain, Status: string(agent.Idle), Events: head.Seq, CreatedAt: instant(head.CreatedAt),
		UpdatedAt: instant(head.CreatedAt), Parent: head.Parent.Session, ParentSeq: head.Parent.Seq}
	if len(last) > 0 {
		shown.UpdatedAt = instant(last[0].At)
	}
	return shown, nil
}

// journal returns up to a page of the events of the session that the path
// names, after one of them.
func (c *call) journal(after uint64) ([]session.Event, error) {
	chain, err := c.chain()
	switch {
	case err != nil:
		return nil, err
	case chain != nil:
		return c.h.opts.Chains.Events(c.r.Context(), chain, after, journalPage)
	}
	return c.h.opts.Sessions.Journal(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("session_id"), after, journalPage)
}

// shownAdmin is the session that the path names.
func (c *call) shownAdmin() (adminSession, error) {
	chain, err := c.chain()
	switch {
	case err != nil:
		return adminSession{}, err
	case chain != nil:
		return c.shownChain(chain)
	}
	view, err := c.session()
	if err != nil {
		return adminSession{}, err
	}
	entry, err := c.h.opts.Sessions.Entry(c.r.Context(), c.who.Tenant.ID, view.State.Session)
	if err != nil {
		return adminSession{}, err
	}
	shown := shownAdminSession(view)
	shown.Node, shown.Quarantine = entry.Node, entry.Quarantine
	return shown, nil
}
