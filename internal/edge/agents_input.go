package edge

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// sendEvents serves POST /v1/agents/sessions/{session_id}/events: 202 says that
// the events are on disk.
func (h *Handler) sendEvents(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	events, err := agents.DecodeInputEvents(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	input := driver.Input{Tenant: c.who.Tenant.ID, Session: c.r.PathValue("session_id"), Key: c.idempotencyKey(), Body: c.body}
	for i := range events {
		body, err := c.inputBody(&events[i])
		if err != nil {
			return err
		}
		input.Bodies = append(input.Bodies, body)
	}
	if err := c.mayDecide(&input); err != nil {
		return err
	}
	if err := h.opts.Sessions.Send(c.r.Context(), input); err != nil {
		return keyReused(err)
	}
	c.auditDecisions(&input)
	c.w.Header().Set("Content-Length", "0")
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// mayDecide bars those who asked from approving, where the operator wants two
// pairs of eyes.
func (c *call) mayDecide(input *driver.Input) error {
	if !c.h.opts.BarSelfApproval {
		return nil
	}
	for _, body := range input.Bodies {
		if d, ok := body.(*agent.Decision); !ok || d.Decision != agents.Approve {
			continue
		}
		view, err := c.session()
		if err != nil {
			return err
		}
		if view.Settings.Principal.Key == c.key.ID || asked(view.State, c.key.ID) {
			return model.Errorf(model.Forbidden, "events",
				"Neither the key that created a session nor one that told it what to do may approve what its agent asks for.").
				WithHint("Approve with another key that may decide approvals.")
		}
	}
	return nil
}

// asked reports whether the key gave a turn under way its input.
func asked(s *agent.State, key string) bool {
	for _, t := range s.Threads {
		if !t.Turn.Over() && slices.Contains(t.Turn.Askers, key) {
			return true
		}
	}
	return false
}

// auditDecisions writes down who decided what.
func (c *call) auditDecisions(input *driver.Input) {
	for _, body := range input.Bodies {
		if d, ok := body.(*agent.Decision); ok {
			c.h.opts.Log.Info("audit", "tenant", input.Tenant, "session", input.Session, "key", c.key.ID,
				"request", d.Request, "decision", d.Decision, "request_id", c.id)
		}
	}
}

// inputBody is an input event as the runtime has it. Who may decide approvals
// may send decisions and nothing else; who may write sessions may send both.
func (c *call) inputBody(e *agents.InputEvent) (agent.Body, error) {
	if e.Type == agents.InputMCPApproval || e.Type == agents.InputComputerApproval {
		if err := c.permit(identity.ApprovalDecide); err != nil {
			if c.permit(identity.SessionWrite) != nil {
				return nil, err
			}
		}
	} else if err := c.permit(identity.SessionWrite); err != nil {
		return nil, err
	}
	switch e.Type {
	case agents.InputMessage:
		return &agent.Message{By: c.key.ID, Messages: userMessages(e.Messages)}, nil
	case agents.InputToolResult:
		return toolResult(e.Result)
	case agents.InputMCPApproval:
		return &agent.Decision{Request: e.Approval.RequestID, Decision: e.Approval.Decision, By: c.key.ID}, nil
	case agents.InputComputerApproval:
		return nil, model.Errorf(model.Invalid, "events", "There is no pending computer use request '%s'.", e.Approval.RequestID)
	}
	return &agent.Cancel{}, nil
}

// toolResult is a client's result: what the model is told, and what is shown.
func toolResult(r *agents.ToolResult) (agent.Body, error) {
	result := &agent.Result{Turn: r.TurnID, Call: r.CallID, Success: r.Success, Error: r.Error}
	var shown any
	switch {
	case r.Text != nil:
		result.Output, shown = []model.Part{&model.Text{Text: *r.Text}}, *r.Text
	case r.Content != nil:
		result.Output, shown = inputParts(r.Content), r.Content
	}
	if !r.Success && r.Error != nil {
		result.Output = append(result.Output, &model.Text{Text: *r.Error})
	}
	raw, err := json.Marshal(shown)
	if err != nil {
		return nil, model.Errorf(model.Invalid, "events", "The output cannot be written down.")
	}
	result.Raw = jsontext.Value(raw)
	return result, nil
}

// imageSource reads an image's address or the image in a data: URL, which the
// decoder has checked.
func imageSource(address string) model.Source {
	rest, inline := strings.CutPrefix(address, "data:")
	if !inline {
		return model.Source{URL: address}
	}
	head, data, _ := strings.Cut(rest, ",")
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return model.Source{URL: address}
	}
	return model.Source{MIME: strings.TrimSuffix(head, ";base64"), Data: raw}
}

func imageURL(p *model.Image) string {
	if p.Source.URL != "" {
		return p.Source.URL
	}
	return "data:" + p.Source.MIME + ";base64," + base64.StdEncoding.EncodeToString(p.Source.Data)
}
