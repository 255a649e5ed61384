package roster

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
)

// Config is what a Roster needs; everything is required.
type Config struct {
	Documents document.Store
	Now       func() time.Time
	// NewID makes random text.
	NewID func() string
}

// Agent is what is saved of an agent.
type Agent struct {
	// Definition is what sessions of the agent run; its ID is the record's and
	// not stored.
	Definition agent.Definition `json:"definition"`
	// Metadata is the client's.
	Metadata map[string]string `json:"metadata,omitzero"`
}

// Saved is an agent in the roster.
type Saved = collection.Record[Agent]

// Roster keeps saved agents. It is safe for concurrent use.
type Roster struct{ agents *collection.Collection[Agent] }

// form numbers the stored form of [Agent].
const form = 1

// New returns a roster.
func New(cfg Config) *Roster {
	return &Roster{collection.New[Agent](collection.Config{Documents: cfg.Documents, Kind: "agent", Prefix: "agent_", Noun: "agent",
		Form: form, Now: cfg.Now, NewID: cfg.NewID})}
}

// Definition is what a session runs that was started with the agent as it is now.
func Definition(s Saved) agent.Definition {
	d := s.Value.Definition
	d.ID, d.Local = s.ID, false
	return d
}

// Create saves a new agent.
func (r *Roster) Create(ctx context.Context, tenant string, a Agent) (Saved, error) {
	a.Definition.ID, a.Definition.Local = "", false
	return r.agents.Create(ctx, tenant, a)
}

// Get returns an agent, or an error of kind NotFound.
func (r *Roster) Get(ctx context.Context, tenant, id string) (Saved, error) {
	return r.agents.Get(ctx, tenant, id)
}

// Update changes an agent by what change does to it. change may be called
// again when somebody else changed the agent meanwhile; its error is returned.
func (r *Roster) Update(ctx context.Context, tenant, id string, change func(*Agent) error) (Saved, error) {
	return r.agents.Update(ctx, tenant, id, func(s *Saved) error { return change(&s.Value) })
}

// Delete removes an agent, or answers an error of kind NotFound. Sessions that
// were started with it go on.
func (r *Roster) Delete(ctx context.Context, tenant, id string) error {
	return r.agents.Delete(ctx, tenant, id)
}

// List returns a page of agents and whether another one follows.
func (r *Roster) List(ctx context.Context, tenant string, q collection.Query) (page []Saved, more bool, err error) {
	return r.agents.List(ctx, tenant, q)
}
