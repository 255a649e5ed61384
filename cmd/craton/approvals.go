package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// decision answers what an agent asks a person for.
type decision struct {
	remote
	Session string `arg:"" help:"The session's id."`
	Request string `arg:"" help:"The request's id (mcpr_…), as craton sessions show prints it."`
}

// decide sends the answer; a request takes one.
func (d decision) decide(ctx context.Context, s streams, answer string) error {
	body := map[string]any{"events": []any{map[string]any{
		"type": "agent.session.input.mcp_approval_request_result", "request_id": d.Request,
		"response": map[string]string{"type": "mcp_tool_call", "decision": answer},
	}}}
	if err := d.agents(ctx, http.MethodPost, "/sessions/"+url.PathEscape(d.Session)+"/events", body, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n", d.Request, answer)
	return err
}

type sessionsApprove struct{ decision }

// Run lets the call be made, once.
func (c sessionsApprove) Run(ctx context.Context, s streams) error {
	return c.decide(ctx, s, "approve")
}

type sessionsDeny struct{ decision }

// Run tells the agent that the call is not to be made.
func (c sessionsDeny) Run(ctx context.Context, s streams) error { return c.decide(ctx, s, "deny") }
