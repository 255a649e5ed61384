package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// chatCommand talks to a model: one prompt, or a conversation on a terminal.
type chatCommand struct {
	remote
	Model     string   `help:"Model; default the server's first." short:"m"`
	System    string   `help:"System message." short:"s"`
	MaxTokens int      `help:"Longest answer, in tokens; 0 leaves it to the model." default:"1024" env:"-"`
	Prompt    []string `arg:"" optional:"" help:"Prompt; without one, lines are read until the input ends."`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Run holds the conversation.
func (c chatCommand) Run(ctx context.Context, s streams) error {
	if c.Model == "" {
		var models struct {
			Data []struct {
				ID string `json:"id"`
			} `json:"data"`
		}
		if err := c.call(ctx, http.MethodGet, "/v1/models", nil, &models); err != nil {
			return err
		}
		if len(models.Data) == 0 {
			return fmt.Errorf("no model yet: run `craton engine install`, or name an upstream in a configuration")
		}
		c.Model = models.Data[0].ID
	}
	var history []chatMessage
	if c.System != "" {
		history = append(history, chatMessage{"system", c.System})
	}
	if len(c.Prompt) > 0 {
		_, err := c.turn(ctx, s.out, append(history, chatMessage{"user", strings.Join(c.Prompt, " ")}))
		return err
	}
	fmt.Fprintf(s.err, "Talking to %s. An empty line or Ctrl-D ends.\n", c.Model)
	lines := bufio.NewScanner(s.in)
	for fmt.Fprint(s.err, "> "); lines.Scan() && strings.TrimSpace(lines.Text()) != ""; fmt.Fprint(s.err, "> ") {
		history = append(history, chatMessage{"user", lines.Text()})
		answer, err := c.turn(ctx, s.out, history)
		if err != nil {
			return err
		}
		history = append(history, chatMessage{"assistant", answer})
	}
	return lines.Err()
}

// turn sends the conversation, prints the answer as it comes and returns it.
func (c chatCommand) turn(ctx context.Context, out io.Writer, history []chatMessage) (string, error) {
	body := map[string]any{"model": c.Model, "messages": history, "stream": true}
	if c.MaxTokens > 0 {
		body["max_completion_tokens"] = c.MaxTokens
	}
	req, err := c.request(ctx, http.MethodPost, "/v1/chat/completions", body)
	if err != nil {
		return "", err
	}
	resp, err := c.do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer strings.Builder
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content string `json:"content"`
				} `json:"delta"`
			} `json:"choices"`
			apiError
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return "", fmt.Errorf("the server's stream does not decode: %w", err)
		}
		if chunk.Error.Message != "" {
			return "", fmt.Errorf("%s", chunk.Error.Message)
		}
		for _, choice := range chunk.Choices {
			answer.WriteString(choice.Delta.Content)
			fmt.Fprint(out, choice.Delta.Content)
		}
	}
	fmt.Fprintln(out)
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("the answer broke off (%w): the server stopped, or the connection to it was lost", err)
	}
	return answer.String(), nil
}
