package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
)

// agentsCommand keeps saved agents.
type agentsCommand struct {
	Begin  agentsRun    `cmd:"" name:"run" help:"Begin a session and print what the agent says."`
	List   agentsList   `cmd:"" help:"List saved agents, newest first."`
	Show   agentsShow   `cmd:"" help:"Print a saved agent."`
	Create agentsCreate `cmd:"" help:"Save an agent from a JSON file, or from standard input."`
	Update agentsUpdate `cmd:"" help:"Change a saved agent from a JSON file, or from standard input."`
	Delete agentsDelete `cmd:"" help:"Delete a saved agent. Its sessions keep what they have of it."`
}

// agents calls an operation of the Agents API.
func (s remote) agents(ctx context.Context, method, path string, body, out any) error {
	req, err := s.request(ctx, method, "/v1/agents"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("OpenAI-Beta", "agents=v1")
	resp, err := s.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the server's answer does not decode: %w", err)
	}
	return nil
}

type agentsList struct {
	remote
	Limit int `help:"How many, at most 100." default:"50"`
}

// Run prints a table of agents.
func (c agentsList) Run(ctx context.Context, s streams) error {
	var page struct {
		Data []struct {
			ID    string            `json:"id"`
			Name  *string           `json:"name"`
			Model string            `json:"model"`
			Tools []json.RawMessage `json:"tools"`
		} `json:"data"`
	}
	if err := c.agents(ctx, http.MethodGet, fmt.Sprintf("?limit=%d", c.Limit), nil, &page); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AGENT\tNAME\tMODEL\tTOOLS")
	for _, a := range page.Data {
		name := "-"
		if a.Name != nil {
			name = *a.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", a.ID, name, a.Model, len(a.Tools))
	}
	return w.Flush()
}

type agentsShow struct {
	remote
	Agent string `arg:"" help:"The agent's id."`
}

// Run prints the agent as the contract shows it.
func (c agentsShow) Run(ctx context.Context, s streams) error {
	var raw json.RawMessage
	if err := c.agents(ctx, http.MethodGet, "/"+url.PathEscape(c.Agent), nil, &raw); err != nil {
		return err
	}
	return printJSON(s.out, raw)
}

func printJSON(w io.Writer, raw json.RawMessage) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(raw)
}

// jsonFile is a JSON file that a command reads; "-" is standard input.
type jsonFile struct {
	File string `arg:"" help:"JSON file; - reads standard input." default:"-"`
}

func (d jsonFile) read(in io.Reader) (json.RawMessage, error) {
	raw, err := io.ReadAll(in)
	if d.File != "-" {
		raw, err = os.ReadFile(d.File)
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(raw) {
		return nil, fmt.Errorf("%s is not JSON", d.File)
	}
	return raw, nil
}

type agentsCreate struct {
	remote
	jsonFile
}

// Run saves the agent and prints its id.
func (c agentsCreate) Run(ctx context.Context, s streams) error {
	raw, err := c.read(s.in)
	if err != nil {
		return err
	}
	var saved struct {
		ID string `json:"id"`
	}
	if err := c.agents(ctx, http.MethodPost, "", raw, &saved); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, saved.ID)
	return err
}

type agentsUpdate struct {
	remote
	Agent string `arg:"" help:"The agent's id."`
	jsonFile
}

// Run changes the agent and prints it.
func (c agentsUpdate) Run(ctx context.Context, s streams) error {
	raw, err := c.read(s.in)
	if err != nil {
		return err
	}
	var saved json.RawMessage
	if err := c.agents(ctx, http.MethodPost, "/"+url.PathEscape(c.Agent), raw, &saved); err != nil {
		return err
	}
	return printJSON(s.out, saved)
}

type agentsDelete struct {
	remote
	Agent string `arg:"" help:"The agent's id."`
}

// Run deletes the agent.
func (c agentsDelete) Run(ctx context.Context, _ streams) error {
	return c.agents(ctx, http.MethodDelete, "/"+url.PathEscape(c.Agent), nil, nil)
}
