package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// newDriver builds what keeps agent sessions going.
func (svc *service) newDriver() (*driver.Driver, error) {
	db := svc.state.db
	hints, _ := db.(session.Hinter)
	_, alone := db.(*sqlite.Store) // its directory has one process
	var err error
	if svc.tools, err = svc.newTools(); err != nil {
		return nil, err
	}
	return driver.New(driver.Config{
		Store:   driver.Store{Journals: db, Leases: db, Snapshots: db, Buffer: db, Index: db, Hints: hints, Alone: alone},
		Journal: svc.state.journal, Models: models{svc}, Quote: models{svc}.quote, Permit: svc.permit,
		Publish: func(ctx context.Context, tenant string, s *agent.State) error {
			return svc.handler.PublishResponse(ctx, tenant, s)
		},
		Audit: svc.auditTool, Tools: svc.tools, Rules: svc.tools.Rule, Program: programs(),
		Node: "craton-" + svc.instance, Now: time.Now, Log: svc.log,
	})
}

// models asks the gateway on behalf of sessions.
type models struct{ svc *service }

// Ask implements driver.Models.
func (m models) Ask(ctx context.Context, who driver.Asker, req *model.Request) (*driver.Answer, error) {
	principal, key, err := m.svc.state.directory.Holder(ctx, who.Tenant, who.Principal.Key)
	if err != nil {
		return nil, gone(err)
	}
	call := &gateway.Call{Principal: principal, Key: key, Dialect: model.DialectOpenAIAgents, Operation: "agents",
		RequestID: uuid.NewString(), Tags: sessionTags(key.Tags, who.Session), Lasting: true}
	answer, err := m.svc.gateway.Generate(ctx, call, req)
	if err != nil {
		return nil, err
	}
	card := answer.Card
	return &driver.Answer{
		Stream: answer.Stream, Model: answer.Upstream + "/" + answer.Model, Window: int64(card.ContextTokens),
		Cost: func(u model.Usage) (int64, bool) { return m.svc.cards.cost(card, u) },
	}, nil
}

// sessionTags are the key's own with the session's, unless an administrator gave
// that name to another.
func sessionTags(key map[string]string, session string) map[string]string {
	tags := make(map[string]string, len(key)+1)
	tags["session"] = session
	for name, value := range key {
		if strings.EqualFold(name, "session") {
			delete(tags, "session")
		}
		tags[name] = value
	}
	return tags
}

// quote prices a call before it is made, or one that did not tell what it used,
// as the dearest model that may serve the name.
func (m models) quote(ctx context.Context, who driver.Asker, name string) (driver.Quote, error) {
	principal, _, err := m.svc.state.directory.Holder(ctx, who.Tenant, who.Principal.Key)
	if err != nil {
		return driver.Quote{}, gone(err)
	}
	cards, err := m.svc.gateway.Serving(&principal, model.DialectOpenAIAgents, name)
	if err != nil {
		return driver.Quote{}, err
	}
	return quoteOf(cards, m.svc.cards.worst, m.svc.cards.cost), nil
}

// quoteOf is the dearest of some models' prices; none is known unless all are.
func quoteOf(cards []*model.Card, worst, cost func(*model.Card, model.Usage) (int64, bool)) driver.Quote {
	dearest := func(price func(*model.Card, model.Usage) (int64, bool)) func(model.Usage) (int64, bool) {
		return func(u model.Usage) (most int64, known bool) {
			for _, card := range cards {
				nano, known := price(card, u)
				if !known {
					return 0, false
				}
				most = max(most, nano)
			}
			return most, len(cards) > 0
		}
	}
	quote := driver.Quote{Worst: dearest(worst), Cost: dearest(cost)}
	for _, card := range cards {
		if card.MaxOutputTokens <= 0 {
			quote.MaxOutput = 0
			break
		}
		quote.MaxOutput = max(quote.MaxOutput, int64(card.MaxOutputTokens))
	}
	return quote
}

// gone says that the key a session runs on does not work any more.
func gone(err error) error {
	if !errors.Is(err, identity.ErrUnauthenticated) {
		return err
	}
	return model.Errorf(model.Unauthenticated, "key", "The key that this session was created with does not work any more.").
		WithHint("Continue with a fork made by a key that does.")
}

// permit checks before each call of a model or tool that the session's key
// still may.
func (svc *service) permit(ctx context.Context, who driver.Asker, what string) error {
	principal, _, err := svc.state.directory.Holder(ctx, who.Tenant, who.Principal.Key)
	if err != nil {
		return gone(err)
	}
	if !principal.Can(identity.ModelInvoke) || !principal.Can(identity.SessionWrite) {
		return model.Errorf(model.Forbidden, what, "The key of this session may not run agents any more.")
	}
	return nil
}

// auditTool writes down what was decided of a tool call.
func (svc *service) auditTool(ctx context.Context, who driver.Asker, call, decision string) {
	svc.log.InfoContext(ctx, "audit", "tenant", who.Tenant, "session", who.Session, "turn", who.Turn,
		"key", who.Principal.Key, "user", who.Principal.User, "call", call, "decision", decision)
}

// keepsNothing tells tenants for whom no response is stored.
func (svc *service) keepsNothing(tenant identity.Tenant) bool {
	return svc.cfg.Retention.Mode == "none" || slices.Contains(svc.cfg.Retention.NoneTenants, tenant.Name)
}
