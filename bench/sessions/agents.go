package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// agents uses the Agents API as the official SDKs do: one stream of events for
// a session, input posted beside it, each post with its idempotency key.
type agents struct {
	*client
	tools  any
	prompt string // the word that makes the model call the tool
	bytes  int    // of a function's result
}

const sessionsPath = "/v1/agents/sessions"

// functionTools is the function the client itself answers.
var functionTools = []any{map[string]any{
	"type": "function", "name": funcTool, "description": "Does one step.",
	"parameters": map[string]any{"type": "object", "properties": map[string]any{}},
}}

// builtinTools are the server's own tools, reached like an MCP server.
var builtinTools = []any{map[string]any{
	"type": "mcp", "server_label": "craton", "transport": map[string]any{"type": "http", "server_url": "craton:builtin"},
}}

// agentEvent is what is read of a session's events.
type agentEvent struct {
	Type    string `json:"type"`
	Session struct {
		ID string `json:"id"`
	} `json:"session"`
	Turn struct {
		Error json.RawMessage `json:"error"`
	} `json:"turn"`
	Item struct {
		Type   string          `json:"type"`
		TurnID string          `json:"turn_id"`
		CallID string          `json:"call_id"`
		Status string          `json:"status"`
		Error  json.RawMessage `json:"error"`
	} `json:"item"`
	Error json.RawMessage `json:"error"`
}

// session makes a session that takes turns.
func (a agents) session(ctx context.Context) (turn, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.turn, nil
}

// open creates a session, whose first turn is part of the request, and
// subscribes to it for as long as the context lives.
func (a agents) open(ctx context.Context) (*agentSession, error) {
	resp, err := a.send(ctx, "POST", sessionsPath, map[string]any{
		"agent":       map[string]any{"model": modelName, "tools": a.tools},
		"environment": map[string]any{"type": "none"},
		"input":       "hello", "stream": true,
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	s := &agentSession{agents: a, events: bufio.NewReader(resp.Body)}
	if _, err := s.follow(ctx, time.Now()); err != nil {
		return nil, err
	}
	if s.id == "" {
		return nil, errors.New("the creation stream named no session")
	}
	live, err := a.send(ctx, "GET", sessionsPath+"/"+s.id+"/events?include_obfuscation=false", nil, "Accept", "text/event-stream")
	if err != nil {
		return nil, err
	}
	s.events = bufio.NewReader(live.Body)
	return s, nil
}

// agentSession is a session and its stream.
type agentSession struct {
	agents
	id     string
	events *bufio.Reader
	// items counts what was added to the session since it was made.
	items int
}

// turn posts a message and follows it: all steps but the last are calls.
func (s *agentSession) turn(ctx context.Context, steps int) ([]time.Duration, error) {
	from := time.Now()
	text := fmt.Sprintf("%s %d", s.prompt, steps-1)
	err := s.post(ctx, map[string]any{"type": "agent.session.input.message", "input": []any{map[string]any{
		"type": "message", "role": "user", "content": []any{map[string]any{"type": "input_text", "text": text}}}}})
	if err != nil {
		return nil, err
	}
	took, err := s.follow(ctx, from)
	if err == nil && len(took) != steps {
		err = fmt.Errorf("a turn of %d steps had %d", steps, len(took))
	}
	return took, err
}

func (s *agentSession) post(ctx context.Context, event any) error {
	return s.call(ctx, "POST", sessionsPath+"/"+s.id+"/events", map[string]any{"events": []any{event}}, nil,
		"Accept", "*/*", "Idempotency-Key", rand.Text())
}

// follow reads events until the session is idle after a turn, answers the
// calls of functions, and returns how long each step took.
func (s *agentSession) follow(ctx context.Context, last time.Time) (took []time.Duration, err error) {
	step := func() {
		now := time.Now()
		took, last = append(took, now.Sub(last)), now
	}
	for over := false; ; {
		e, err := s.read()
		if err != nil {
			return nil, err
		}
		switch e.Type {
		case "agent.session.created":
			s.id = e.Session.ID
		case "agent.session.turn.item.added":
			s.items++
			if e.Item.Type == "function_call" {
				step()
				if err := s.answer(ctx, e); err != nil {
					return nil, err
				}
			}
		case "agent.session.turn.item.done":
			if e.Item.Type == "mcp_call" {
				step()
				if e.Item.Status != "completed" {
					return nil, fmt.Errorf("the tool %s: %s", e.Item.Status, e.Item.Error)
				}
			}
		case "agent.session.turn.completed":
			over = true
		case "agent.session.turn.failed", "agent.session.turn.cancelled", "agent.session.failed", "error":
			return nil, fmt.Errorf("%s: %s%s", e.Type, e.Turn.Error, e.Error)
		case "agent.session.idle":
			if over {
				step()
				return took, nil
			}
		}
	}
}

func (s *agentSession) answer(ctx context.Context, e agentEvent) error {
	return s.post(ctx, map[string]any{"type": "agent.session.input.tool_result", "success": true,
		"turn_id": e.Item.TurnID, "call_id": e.Item.CallID, "output": strings.Repeat("x", s.bytes)})
}

// read returns the next event of the stream.
func (s *agentSession) read() (e agentEvent, err error) {
	for {
		line, err := s.events.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the stream of events ended in the middle of a turn")
			}
			return e, err
		}
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok || bytes.Equal(bytes.TrimSpace(data), []byte("[DONE]")) {
			continue
		}
		return e, json.Unmarshal(data, &e)
	}
}
