package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// responses uses stored Responses: each call of the model is a request that
// continues the one before, acknowledged when it is stored. A turn is a chain of its own.
type responses struct {
	*client
	bytes int // of a function's result
}

func (r responses) session(context.Context) (turn, error) {
	tools := []any{map[string]any{"type": "function", "name": funcTool, "strict": false,
		"parameters": map[string]any{"type": "object", "properties": map[string]any{}}}}
	return func(ctx context.Context, steps int) ([]time.Duration, error) {
		var input any = fmt.Sprintf("step %d", steps-1)
		previous := ""
		took := make([]time.Duration, steps)
		for i := range took {
			from := time.Now()
			body := map[string]any{"model": modelName, "input": input, "tools": tools, "store": true}
			if previous != "" {
				body["previous_response_id"] = previous
			}
			call, err := r.create(ctx, body, &previous)
			if err != nil {
				return nil, err
			}
			if (call == "") != (i == steps-1) {
				return nil, errors.New("the turn has another number of steps")
			}
			input = []any{map[string]any{"type": "function_call_output", "call_id": call, "output": strings.Repeat("x", r.bytes)}}
			took[i] = time.Since(from)
		}
		return took, nil
	}, nil
}

// create makes a response, sets its id and returns the call it asks for.
func (r responses) create(ctx context.Context, body map[string]any, id *string) (call string, err error) {
	var answer struct {
		ID     string `json:"id"`
		Output []struct {
			Type   string `json:"type"`
			CallID string `json:"call_id"`
		} `json:"output"`
	}
	if err := r.call(ctx, "POST", "/v1/responses", body, &answer); err != nil {
		return "", err
	}
	for _, item := range answer.Output {
		if item.Type == "function_call" {
			call = item.CallID
		}
	}
	*id = answer.ID
	return call, nil
}
