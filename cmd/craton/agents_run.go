package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// turnEvent is what the command line reads of a session's events.
type turnEvent struct {
	Type    string `json:"type"`
	Delta   string `json:"delta"`
	Session struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"session"`
	Turn struct {
		Error *struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"turn"`
}

// printTurn prints a turn as it comes. It ends with the turn, or where the
// session needs something that the command line cannot give.
func printTurn(stream io.Reader, s streams) error {
	lines := bufio.NewReader(stream)
	var id string
	for {
		line, err := lines.ReadString('\n')
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var e turnEvent
			if json.Unmarshal([]byte(data), &e) != nil {
				continue
			}
			switch e.Type {
			case "agent.session.created":
				id = e.Session.ID
			case "agent.session.turn.output_text.delta":
				fmt.Fprint(s.out, harmless(e.Delta))
			case "agent.session.turn.failed":
				if e.Turn.Error != nil {
					return fmt.Errorf("the turn of session %s failed: %s", id, harmless(e.Turn.Error.Message))
				}
			case "agent.session.idle", "agent.session.requires_action":
				fmt.Fprintf(s.out, "\n")
				fmt.Fprintf(s.err, "session %s is %s\n", id, e.Session.Status)
				if e.Type == "agent.session.requires_action" {
					fmt.Fprintf(s.err, "`craton sessions show %s` tells what it waits for\n", id)
				}
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the stream of session %s ended early: `craton sessions tail %s` follows it", id, id)
		}
		if err != nil {
			return err
		}
	}
}
