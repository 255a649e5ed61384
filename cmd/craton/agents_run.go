package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// agentsRun begins a session and prints what the agent says.
type agentsRun struct {
	remote
	Agent string   `help:"A saved agent's id."`
	Model string   `help:"A model, for an agent of this session's own."`
	Say   []string `arg:"" help:"What to tell the agent."`
}

// Run streams the first turn, then names the session.
func (c agentsRun) Run(ctx context.Context, s streams) error {
	body := map[string]any{"environment": map[string]string{"type": "none"}, "stream": true, "input": strings.Join(c.Say, " ")}
	if c.Agent != "" {
		body["agent_id"] = c.Agent
	}
	if c.Model != "" {
		body["agent"] = map[string]string{"model": c.Model}
	}
	if c.Agent == "" && c.Model == "" {
		return errors.New("who is to answer? Name a saved agent with --agent, or a model with --model")
	}
	req, err := c.request(ctx, http.MethodPost, "/v1/agents/sessions", body)
	if err != nil {
		return err
	}
	req.Header.Set("OpenAI-Beta", "agents=v1")
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return printTurn(resp.Body, s)
}
