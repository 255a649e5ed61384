package edge

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// sessionContract is what the contract shows of a session and the runtime has
// no use for.
type sessionContract struct {
	CacheTTL    string                     `json:"cache_ttl,omitzero"`
	Environment *agents.SessionEnvironment `json:"environment,omitzero"`
	RoleARN     string                     `json:"role_arn,omitzero"`
	// Secrets is under what the vault keeps what was given in secret when the
	// session was created; what came later is under the session's id.
	Secrets string `json:"secrets,omitzero"`
}

func (s sessionContract) encode() (jsontext.Value, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, model.Wrap(model.Internal, "edge.session", err)
	}
	return raw, nil
}

// readContract is what was kept with the session; nothing if it is another
// contract's.
func readContract(s *agent.State) sessionContract {
	var c sessionContract
	if s.Settings.Contract != nil {
		_ = json.Unmarshal(s.Settings.Contract, &c) // another contract's then
	}
	return c
}

// sessionEnvironment says where the tools of a session run. A machine of the
// client's cannot connect yet: the session says that it waits for one.
func (c *call) sessionEnvironment(asked *agents.SessionCreate, created *agent.Created, contract *sessionContract) error {
	switch e := asked.Environment; e.Type {
	case agents.EnvironmentNone:
	case agents.EnvironmentSelfHosted:
		id, err := c.registerEnvironment(e.SelfHosted, asked.VaultIDs)
		if err != nil {
			return err
		}
		created.EnvironmentID = id
		directories := e.SelfHosted.CapabilityDirectories
		if directories == nil {
			directories = []string{}
		}
		contract.Environment = &agents.SessionEnvironment{Type: e.Type, ID: created.EnvironmentID,
			WorkspaceDirectory: e.SelfHosted.WorkspaceDirectory, CapabilityDirectories: &directories}
	default:
		return model.Errorf(model.Unsupported, "environment.type", "This server hosts no environments of type '%s' yet.", e.Type).
			WithHint("Use the environment 'none'.")
	}
	return nil
}

// shownSession is a session as the contract shows it.
func shownSession(s *agent.State) agents.Session {
	shown := shownStanding(s, readContract(s))
	shown.Agent = sessionAgent(&s.Settings.Definition)
	return shown
}

// shownStanding is a session without its agent.
func shownStanding(s *agent.State, contract sessionContract) agents.Session {
	shown := agents.Session{
		ID: s.Session, Object: agents.ObjectSession, CreatedAt: s.CreatedAt.Unix(), LastActiveAt: s.Clock.Unix(),
		Environment: agents.SessionEnvironment{Type: agents.EnvironmentNone},
		Status:      string(s.Status()), RequiredActions: requiredActions(s), Metadata: s.Settings.Metadata,
		Usage: tokenUsage(s.Spent.Usage), VaultIDs: s.Settings.Vaults, Review: s.Settings.Review,
		PromptCacheOptions: cacheOptions(contract), RoleARN: contract.RoleARN,
	}
	if contract.Environment != nil {
		shown.Environment = shownOwn(*contract.Environment)
	}
	if s.Error != "" {
		shown.Error = &s.Error
	}
	if shown.Metadata == nil {
		shown.Metadata = map[string]string{}
	}
	if shown.VaultIDs == nil {
		shown.VaultIDs = []string{}
	}
	if shown.Review == "" {
		shown.Review = agents.ReviewNone
	}
	if limit := s.Settings.SpendLimit; limit != nil {
		shown.SpendControl = &agents.SpendControl{Limit: *limit / nanoPerCent}
		if s.Spent.Unpriced == 0 {
			cents := s.Spent.Cost / nanoPerCent
			shown.SpendControl.Consumed = &cents
		}
	}
	return shown
}

func cacheOptions(c sessionContract) *agents.CacheOptions {
	if c.CacheTTL == "" {
		return nil
	}
	return &agents.CacheOptions{TTL: c.CacheTTL}
}

func tokenUsage(u model.Usage) *agents.TokenUsage {
	if u.Total() == 0 {
		return nil
	}
	return &agents.TokenUsage{
		InputTokens: u.InputTotal(), InputTokensDetails: agents.InputDetails{CachedTokens: u.CacheRead},
		OutputTokens: u.Output, OutputTokenDetails: agents.OutputDetails{ReasoningTokens: u.Reasoning}, TotalTokens: u.Total(),
	}
}

func requiredActions(s *agent.State) []agents.RequiredAction {
	shown := []agents.RequiredAction{}
	for _, a := range s.Actions() {
		switch {
		case a.Call == nil:
			shown = append(shown, agents.RequiredAction{Type: agents.ActionEnvironment, EnvironmentID: a.Environment})
		case a.Call.State == agent.CallAsked:
			shown = append(shown, agents.RequiredAction{Type: agents.ActionMCPApproval, TurnID: a.Turn.ID,
				RequestID: a.Call.Request, Request: approvalRequest(a.Call)})
		default:
			shown = append(shown, agents.RequiredAction{Type: agents.ActionFunctionCall, TurnID: a.Turn.ID,
				CallID: a.Call.ID, Name: a.Call.Name, Arguments: anyArguments(a.Call.Arguments)})
		}
	}
	return shown
}

func approvalRequest(call *agent.Call) *agents.ActionRequest {
	message := "The agent wants to call " + visible(call.Tool) + " of " + visible(call.Server) + "."
	if call.Settle {
		message = "It is not known whether the call of " + visible(call.Tool) + " of " + visible(call.Server) +
			" took effect. Approve to make it again; deny to go on without."
	}
	return &agents.ActionRequest{Type: agents.ApprovalMCP, ServerLabel: call.Server, Name: &call.Tool,
		Message: message, Arguments: visibleArguments(call.Arguments)}
}

// anyArguments are a call's arguments as JSON: what the model wrote if it is
// JSON, else a string of it.
func anyArguments(arguments string) jsontext.Value {
	if v := jsontext.Value(arguments); arguments != "" && v.IsValid() {
		return v
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return jsontext.Value(`""`)
	}
	return raw
}

// shownTurn is a turn as the contract shows it.
func shownTurn(s *agent.State, thread string, t *agent.Turn) agents.Turn {
	shown := agents.Turn{
		ID: t.ID, Object: agents.ObjectTurn, SessionID: s.Session, AgentID: t.Definition.ID, Status: turnStatus(s, t),
		CreatedAt: t.StartedAt.Unix(), StartedAt: unix(t.StartedAt), CompletedAt: unix(t.EndedAt), Usage: tokenUsage(t.Spent.Usage),
		PromptCacheOptions: cacheOptions(readContract(s)),
	}
	if thread != "" {
		shown.Subagent = &thread
	}
	if t.Status == agent.TurnFailed {
		shown.Error = &agents.TurnError{Code: t.Code, Message: t.Message}
	}
	return shown
}

// turnStatus is "waiting" while the turn needs something from outside.
func turnStatus(s *agent.State, t *agent.Turn) string {
	if !t.Over() {
		for _, a := range s.Actions() {
			if a.Turn != nil && a.Turn.ID == t.ID {
				return string(agent.TurnWaiting)
			}
		}
	}
	return string(t.Status)
}

func unix(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	seconds := at.Unix()
	return &seconds
}

func shownSubagent(s *agent.State, t *agent.Thread) agents.Subagent {
	shown := agents.Subagent{ID: t.ID, Object: agents.ObjectSubagent, SessionID: s.Session, ParentAgentID: t.Parent, Name: t.Name,
		OpenedAt: t.OpenedAt.Unix(), ClosedAt: unix(t.ClosedAt), Status: "active"}
	if !t.ClosedAt.IsZero() {
		shown.Status = "closed"
	}
	if t.Task != "" {
		shown.Instructions = &[]agents.AgentContent{{Type: "output_text", Text: t.Task}}
	}
	return shown
}
