package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// sessionsSend speaks to a session and prints what the agent says.
type sessionsSend struct {
	remote
	Session string   `arg:"" help:"The session's id."`
	Say     []string `arg:"" help:"What to tell the agent."`
}

// Run sends the message and prints the turn that takes it up. It listens before
// it speaks, so that nothing is missed.
func (c sessionsSend) Run(ctx context.Context, s streams) error {
	at, said := "/sessions/"+url.PathEscape(c.Session), strings.Join(c.Say, " ")
	if strings.TrimSpace(said) == "" || !utf8.ValidString(said) {
		return errors.New("what to tell the agent is empty, or no UTF-8 text")
	}
	req, err := c.request(ctx, http.MethodGet, "/v1/agents"+at+"/events?include_obfuscation=false", nil)
	if err != nil {
		return err
	}
	req.Header.Set("OpenAI-Beta", "agents=v1")
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var now shownSession
	if err := c.agents(ctx, http.MethodGet, at, nil, &now); err != nil {
		return err
	}
	body := map[string]any{"events": []any{map[string]any{"type": "agent.session.input.message",
		"input": []any{map[string]any{"role": "user", "content": []any{map[string]string{"type": "input_text", "text": said}}}}}}}
	if err := c.agents(ctx, http.MethodPost, at+"/events", body, nil); err != nil {
		return err
	}
	if now.Status == "requires_action" {
		// It does no more until it has what it needs, and says nothing of it again.
		now.stands(s)
		return nil
	}
	t := turn{streams: s, id: c.Session, waits: said}
	return t.print(resp.Body)
}

// shownSession is what the command line reads of a session.
type shownSession struct {
	ID              string  `json:"id"`
	Status          string  `json:"status"`
	Error           *string `json:"error"`
	RequiredActions []struct {
		Type      string          `json:"type"`
		CallID    string          `json:"call_id"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
		RequestID string          `json:"request_id"`
		Request   struct {
			Message   string          `json:"message"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"request"`
		EnvironmentID string `json:"environment_id"`
	} `json:"required_actions"`
}

// stands says what a session does, and what it needs of somebody.
func (v *shownSession) stands(s streams) {
	fmt.Fprintf(s.err, "session %s is %s\n", v.ID, v.Status)
	for _, a := range v.RequiredActions {
		switch a.Type {
		case "mcp_approval_request":
			fmt.Fprintf(s.err, "%s %s\n", clip(a.Request.Message), clip(string(a.Request.Arguments)))
			fmt.Fprintf(s.err, "`craton sessions approve %s %s` lets it, deny in place of approve refuses\n", v.ID, a.RequestID)
		case "function_call":
			fmt.Fprintf(s.err, "it waits for what the function %s(%s) gives: a program sends that for the call %s\n", clip(a.Name), clip(string(a.Arguments)), clip(a.CallID))
		case "environment_connection":
			fmt.Fprintf(s.err, "it waits for its environment %s to connect\n", a.EnvironmentID)
		}
	}
	if v.Status == "requires_action" {
		fmt.Fprintf(s.err, "`craton sessions show --full %s` tells all of what it waits for\n", v.ID)
	}
}
