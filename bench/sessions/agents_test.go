package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// contract is an Agents API that knows one session: as much of the wire as
// the client relies on, in the order of the contract.
type contract struct {
	events chan string
	mu     sync.Mutex
	kind   string // of the item of a call
	left   int    // calls still to make in the turn
	serial int
	bad    []string
}

func (c *contract) emit(kind, rest string) {
	c.serial++
	c.events <- fmt.Sprintf(`{"type":"agent.session.%s","event_id":"e%d"%s}`, kind, c.serial, rest)
}

// goOn makes the next call, or ends the turn.
func (c *contract) goOn() {
	for c.left > 0 {
		c.left--
		item := fmt.Sprintf(`,"item":{"type":%q,"turn_id":"t","call_id":"c%d","status":"completed"}`, c.kind, c.left)
		c.emit("turn.item.added", item)
		c.emit("turn.item.done", item)
		if c.kind == "function_call" {
			c.emit("requires_action", "")
			return
		}
	}
	c.emit("turn.completed", `,"turn":{"error":null}`)
	c.emit("idle", `,"session":{"id":"s"}`)
}

// post takes input as the contract has it, and notes what is not.
func (c *contract) post(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body struct {
		Events []struct {
			Type   string
			CallID string `json:"call_id"`
			Output string
			Input  []struct{ Content []struct{ Text string } }
		}
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	if err != nil || len(body.Events) != 1 || r.Header.Get("Idempotency-Key") == "" || r.Header.Get("OpenAI-Beta") != "agents=v1" {
		c.bad = append(c.bad, fmt.Sprint(body, r.Header, err))
	}
	switch e := body.Events[0]; e.Type {
	case "agent.session.input.message":
		_, n, _ := strings.Cut(e.Input[0].Content[0].Text, " ")
		c.left, _ = strconv.Atoi(n)
		c.emit("idle", "") // one that belongs to an earlier turn
		c.emit("turn.created", "")
	case "agent.session.input.tool_result":
		if len(e.Output) != size || e.CallID != fmt.Sprint("c", c.left) {
			c.bad = append(c.bad, fmt.Sprint(e))
		}
	}
	c.goOn()
	w.WriteHeader(http.StatusAccepted)
}

func (c *contract) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/agents/sessions", func(w http.ResponseWriter, r *http.Request) {
		for _, line := range []string{`{"type":"agent.session.created","session":{"id":"s"}}`, `{"type":"agent.session.turn.completed"}`, `{"type":"agent.session.idle"}`} {
			fmt.Fprintf(w, "event: x\ndata: %s\n\n", line)
		}
	})
	mux.HandleFunc("POST /v1/agents/sessions/s/events", c.post)
	mux.HandleFunc("GET /v1/agents/sessions/s/events", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		for flush := w.(http.Flusher); ; {
			flush.Flush()
			select {
			case <-r.Context().Done():
				return
			case e := <-c.events:
				fmt.Fprintf(w, ": alive\n\ndata: %s\n\n", e)
			}
		}
	})
	return mux
}

// TestTurnsOfAgents follows turns of both kinds of tools.
func TestTurnsOfAgents(t *testing.T) {
	t.Parallel()
	for kind, tools := range map[string]any{"function_call": functionTools, "mcp_call": builtinTools} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := &contract{events: make(chan string, 64), kind: kind}
			server := httptest.NewServer(c.handler())
			t.Cleanup(server.Close)
			a := agents{newClient(server.URL, map[string]string{"OpenAI-Beta": "agents=v1"}), tools, "step", size}
			next, err := a.session(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, steps := range []int{1, 5, 20} {
				took, err := next(t.Context(), steps)
				if err != nil || len(took) != steps {
					t.Errorf("a turn of %d steps: %d, %v", steps, len(took), err)
				}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, b := range c.bad {
				t.Errorf("posted %s", b)
			}
		})
	}
}

// TestNotServed tells what a server answers that does not have the contract.
func TestNotServed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	s := &subject{session: agents{newClient(server.URL, nil), functionTools, "step", size}.session}
	if err := s.probe(t.Context()); err == nil || !strings.Contains(err.Error(), "the server answered 404") {
		t.Errorf("%v", err)
	}
}

// TestSummary counts a turn by the part of it that lies within the window.
func TestSummary(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	r := summarize([]done{
		{at(0), at(1), []time.Duration{time.Second}},
		{at(1), at(3), []time.Duration{2 * time.Second}},
	}, 10, start, 2*time.Second)
	if r.rate != 7.5 || r.turn50 != 2*time.Second || r.p99 != 2*time.Second {
		t.Errorf("got %+v, want 15 steps in 2 s", r)
	}
	if got := median([]int{3, 1, 2}, func(n int) float64 { return float64(n) }); got != 2 {
		t.Errorf("the median is %d", got)
	}
}
