package agent

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

var searchTool = model.Tool{
	Name:        "tool_search",
	Description: "Looks for more tools by words. The tools it finds can be called from then on.",
	Schema: []byte(`{"type":"object","properties":{"query":{"type":"string","description":"Words that describe what is wanted."}},` +
		`"required":["query"],"additionalProperties":false}`),
}

var programTool = model.Tool{
	Name: "run_program",
	Description: "Runs a JavaScript program that can call the other tools as asynchronous functions: " +
		"`await tools.NAME({…})`, by the names under which you have them. What it logs and returns is the result. " +
		"It has no network, files, clock or chance of its own.",
	Schema: []byte(`{"type":"object","properties":{"code":{"type":"string","description":"The body of an async function."}},` +
		`"required":["code"],"additionalProperties":false}`),
}

// maxFound is how many tools one search loads.
const maxFound = 8

// found is a tool as the search tells the model of it.
type found struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters,omitzero"`
}

// search answers a search among the deferred tools: those of whose name and
// description the most words of the query are part of.
func (s *State) search(t *Thread, call *Call) Body {
	var asked struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal([]byte(call.Arguments), &asked); err != nil || strings.TrimSpace(asked.Query) == "" {
		return settle(call, true, `The arguments must be {"query": "words"}.`)
	}
	words := strings.Fields(strings.ToLower(asked.Query))
	type hit struct {
		found
		score int
	}
	var hits []hit
	for _, offer := range s.Offers(t) {
		if !offer.Deferred {
			continue
		}
		text, score := strings.ToLower(offer.Name+" "+offer.Tool.Description), 0
		for _, w := range words {
			if strings.Contains(text, w) {
				score++
			}
		}
		if score > 0 {
			hits = append(hits, hit{found{offer.Name, offer.Tool.Description, offer.Tool.Schema}, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.score - a.score })
	hits = hits[:min(len(hits), maxFound)]
	if len(hits) == 0 {
		return settle(call, false, "No tool matches these words.")
	}
	all, names := make([]found, len(hits)), make([]string, len(hits))
	for i, h := range hits {
		all[i], names[i] = h.found, h.Name
	}
	raw, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		return settle(call, true, "The tools that match cannot be described.")
	}
	return &CallSettled{Call: call.ID, Content: []model.Part{&model.Text{Text: string(raw)}}, Loaded: names}
}
