package agents

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// The names of agents in the member "object".
const (
	ObjectAgent        = "agent"
	ObjectAgentDeleted = "agent.deleted"
)

// ServiceTierAuto is the service tier where nobody chose one.
const ServiceTierAuto = "auto"

// Agent is a saved agent as the contract shows it.
type Agent struct {
	ID           string            `json:"id"`
	Object       string            `json:"object"`
	CreatedAt    int64             `json:"created_at"`
	UpdatedAt    int64             `json:"updated_at"`
	Name         *string           `json:"name"`
	Instructions *string           `json:"instructions"`
	Metadata     map[string]string `json:"metadata"`
	AgentSettings
}

// SessionAgent is the agent of a session as the contract shows it.
type SessionAgent struct {
	ID           string  `json:"id"`
	Name         *string `json:"name"`
	Instructions *string `json:"instructions"`
	AgentSettings
}

// AgentSettings are what saved agents and those of sessions show alike.
type AgentSettings struct {
	Model        string           `json:"model"`
	MultiAgent   MultiAgent       `json:"multi_agent"`
	Reasoning    Reasoning        `json:"reasoning"`
	ServiceTier  string           `json:"service_tier"`
	Text         Text             `json:"text"`
	Tools        []jsontext.Value `json:"tools"`
	Compaction   Compaction       `json:"compaction"`
	Experimental Experimental     `json:"experimental"`
}

// MultiAgent lets an agent run subagents. MaxConcurrent is nil where it is
// disabled, and in a request where the client did not bound it.
type MultiAgent struct {
	Enabled       bool   `json:"enabled"`
	MaxConcurrent *int64 `json:"max_concurrent_subagents"`
}

// Reasoning asks for a model's thinking; nil members are the model's default.
type Reasoning struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

// Text shapes what an agent writes.
type Text struct {
	// Format is {"type":"text"} or {"type":"json_schema","schema":{…}}; in a
	// request nil where the client chose none.
	Format jsontext.Value `json:"format"`
	// Verbosity is "low", "medium" or "high"; in a request empty where the
	// client chose none.
	Verbosity string `json:"verbosity"`
}

// Compaction says how context that grows too long is shortened.
type Compaction struct {
	// Async does so in the background.
	Async bool `json:"async"`
}

// Experimental are settings that may go again.
type Experimental struct {
	// TimeAwareness reminds the model of the time.
	TimeAwareness bool `json:"time_awareness"`
}

// The values of [Text] where nobody chose others.
const (
	DefaultFormat    = `{"type":"text"}`
	DefaultVerbosity = "medium"
)

// AgentFields are the settings of an agent as a request gives them: to a new
// agent, as a change of one, or for one session. A member that was left out
// keeps what is; null asks for the default.
type AgentFields struct {
	Model        Optional[string]
	Name         Optional[string]
	Instructions Optional[string]
	Metadata     Optional[map[string]string]
	MultiAgent   Optional[MultiAgent]
	Reasoning    Optional[Reasoning]
	ServiceTier  Optional[string]
	Text         Optional[Text]
	Tools        Optional[[]Tool]
	Compaction   Optional[Compaction]
	// TimeAwareness is set apart: experimental settings are merged one by one.
	TimeAwareness Optional[bool]
}

// DecodeAgentCreate reads the request that saves a new agent.
func DecodeAgentCreate(body []byte, mount Mount) (*AgentFields, error) {
	f, err := DecodeAgentUpdate(body, mount)
	if err == nil && !f.Model.Set {
		v, _ := raw.Parse(body, &style)
		err = v.Missing("model")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// DecodeAgentUpdate reads the request that changes a saved agent.
func DecodeAgentUpdate(body []byte, mount Mount) (*AgentFields, error) {
	f := &AgentFields{}
	known := f.known(toolReader{mount: mount, saved: true})
	known["name"] = opt(&f.Name, name(maxName))
	known["metadata"] = opt(&f.Metadata, metadata)
	if err := mount.parse(body, known); err != nil {
		return nil, err
	}
	return f, nil
}

// maxName is the length of the longest name of an agent.
const maxName = 128

// known are the members that saved agents and those of sessions have alike.
func (f *AgentFields) known(r toolReader) fields {
	return fields{
		"model":        notNull(&f.Model, name(0)),
		"instructions": opt(&f.Instructions, text),
		"multi_agent":  opt(&f.MultiAgent, r.mount.multiAgent),
		"reasoning":    opt(&f.Reasoning, r.mount.reasoning),
		"service_tier": opt(&f.ServiceTier, serviceTier),
		"text":         opt(&f.Text, r.mount.text),
		"tools":        opt(&f.Tools, r.tools),
		"compaction":   opt(&f.Compaction, r.mount.compaction),
		"experimental": func(v raw.Value) error {
			if v.IsNull() {
				return nil
			}
			return r.mount.object(v, fields{"time_awareness": opt(&f.TimeAwareness, boolean)})
		},
	}
}

// notNull reads a member that cannot be null.
func notNull[T any](dst *Optional[T], read func(v raw.Value, dst *T) error) func(v raw.Value) error {
	return func(v raw.Value) error {
		if v.IsNull() {
			return v.WrongType("a value")
		}
		dst.Set = true
		return read(v, &dst.Value)
	}
}

// serviceTier reads what kind of capacity a model is called on.
func serviceTier(v raw.Value, dst *string) error {
	return oneOf(ServiceTierAuto, "default", "flex", "priority", "fast", "ultrafast")(v, dst)
}

func (m Mount) multiAgent(v raw.Value, dst *MultiAgent) error {
	if err := need(v, "enabled"); err != nil {
		return err
	}
	return m.object(v, fields{
		"enabled":                  func(v raw.Value) error { return boolean(v, &dst.Enabled) },
		"max_concurrent_subagents": value(&dst.MaxConcurrent, pointer(integer(1, math.MaxUint32))),
	})
}

func effort(v raw.Value, dst *string) error {
	return oneOf("none", "minimal", "low", "medium", "high", "xhigh", "max")(v, dst)
}

func (m Mount) reasoning(v raw.Value, dst *Reasoning) error {
	return m.object(v, fields{
		"effort":  value(&dst.Effort, pointer(effort)),
		"summary": value(&dst.Summary, pointer(oneOf("concise", "detailed", "auto"))),
	})
}

func (m Mount) text(v raw.Value, dst *Text) error {
	return m.object(v, fields{
		"format":    value((*[]byte)(&dst.Format), m.format),
		"verbosity": value(&dst.Verbosity, oneOf("low", "medium", "high")),
	})
}

// format reads a text format and keeps what is known of it.
func (m Mount) format(v raw.Value, dst *[]byte) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	var kind string
	if err := oneOf("text", "json_schema")(v.Get("type"), &kind); err != nil {
		return err
	}
	known, schema := fields{"type": never}, []byte(nil)
	if kind == "json_schema" {
		if err := need(v, "schema"); err != nil {
			return err
		}
		known["schema"] = func(v raw.Value) error { return object(v, &schema) }
	}
	if err := m.object(v, known); err != nil {
		return err
	}
	var b raw.Builder
	b.Open('{')
	b.Str("type", kind)
	if schema != nil {
		b.Val("schema", schema)
	}
	b.Close('}')
	*dst = b.Bytes
	return nil
}

func (m Mount) compaction(v raw.Value, dst *Compaction) error {
	dst.Async = true
	return m.object(v, fields{"async": value(&dst.Async, boolean)})
}
