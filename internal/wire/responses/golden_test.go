package responses_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/rogpeppe/go-internal/txtar"
)

// stored resolves the one item the cases refer to.
func stored(id string) ([]byte, error) {
	if id == "msg_stored" {
		return []byte(`{"type":"message","id":"msg_stored","role":"assistant","status":"completed","content":[{"type":"output_text","text":"kept","annotations":[]}]}`), nil
	}
	return nil, model.Errorf(model.NotFound, id, "No such item.")
}

func TestRequestGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "request", func(t *testing.T, in []byte) []txtar.File {
		req, opts, err := responses.DecodeRequest(in, stored)
		if err != nil {
			return []txtar.File{golden.Section("error", golden.Describe(nil, err))}
		}
		items, itemLosses, err := responses.EncodeItems(req.Messages)
		if err != nil {
			t.Fatal(err)
		}
		out, losses, err := responses.EncodeRequest(req, opts)
		echo, _, err2 := responses.EncodeResponse(nil, responses.ResponseOptions{ID: "resp_1", Created: 7, Request: req, Options: opts})
		if err2 != nil {
			t.Fatal(err2)
		}
		return []txtar.File{
			golden.Section("hub", golden.Shape(req.Messages)), golden.Section("items", golden.Indent(items)), golden.Section("upstream", golden.Indent(out)),
			golden.Section("response", golden.Indent(echo)), golden.Section("losses", golden.Describe(append(itemLosses, losses...), err)),
		}
	})
}

func TestStreamGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "stream", func(t *testing.T, in []byte) []txtar.File {
		events, err := golden.Drain(responses.DecodeEvents(golden.Split(in, 13)))
		if err == nil {
			if err := modeltest.CheckOrder(events); err != nil {
				t.Errorf("the events break the hub's order: %v", err)
			}
		}
		r, _ := model.Collect(model.Events(events...))
		_, losses, encErr := responses.EncodeResponse(r, responses.ResponseOptions{ID: "resp_2"})
		if encErr != nil {
			t.Fatal(encErr)
		}
		return []txtar.File{golden.Section("out", brief(encodeStream(t, events, err))), golden.Section("losses", golden.Describe(losses, err))}
	})
}

// TestAnswerGolden encodes an answer of another vendor, given as its hub parts in code.
func TestAnswerGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "answer", func(t *testing.T, in []byte) []txtar.File {
		r := answers[strings.TrimSpace(string(in))]
		if r == nil {
			t.Fatalf("no answer is called %q", in)
		}
		whole, losses, err := responses.EncodeResponse(r, responses.ResponseOptions{ID: "resp_1", Created: 7, Completed: 9})
		if err != nil {
			t.Fatal(err)
		}
		events, _ := golden.Drain(model.Replay(r))
		return []txtar.File{golden.Section("out", brief(encodeStream(t, events, nil))), golden.Section("response", golden.Indent(whole)), golden.Section("losses", golden.Describe(losses, nil))}
	})
}

var answers = map[string]*model.Response{
	"thinking and calls": {
		Model: "claude", Usage: model.Usage{Input: 5, CacheRead: 3, CacheWrite5m: 2, Output: 9, Reasoning: 4},
		Choices: []model.Choice{{Stop: model.StopToolUse, Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{
			&model.Reasoning{Text: "Hm.", Signature: "c2ln"},
			&model.Reasoning{Redacted: []byte("secret")},
			&model.Text{Text: "So ", Citations: []model.Citation{{Kind: "web", Source: "https://a.example", Title: "A"}}},
			&model.Text{Text: "be it."},
			&model.ToolCall{ID: "toolu_1", Name: "web_search", Arguments: `{}`, Server: true},
			&model.ToolCall{ID: "toolu_2", Name: "get", Arguments: `{"a":1}`},
			&model.ToolCall{ID: "toolu_3", Name: "note", Arguments: "free", Custom: true},
		}}}},
	},
	"cut short": {
		Model: "m", Usage: model.Usage{Absent: true},
		Choices: []model.Choice{{Stop: model.StopMaxTokens, Message: model.AssistantText("Once upon")}},
	},
	"refusal": {
		Model:   "m",
		Choices: []model.Choice{{Stop: model.StopRefusal, Message: model.Message{Parts: []model.Part{&model.Refusal{Text: "No."}}}}},
	},
}

func encodeStream(t interface{ Fatalf(string, ...any) }, events []model.Event, end error) []byte {
	enc := responses.NewEncoder(responses.ResponseOptions{ID: "resp_2", Created: 7})
	var buf []byte
	var err error
	for _, ev := range events {
		if buf, err = enc.Append(buf, ev); err != nil {
			t.Fatalf("encoding an event: %v", err)
		}
	}
	if end != nil {
		return enc.AppendError(buf, model.AsError(end))
	}
	return enc.Finish(buf, 9)
}

// brief leaves the event lines and the echoed request out of a stream.
func brief(stream []byte) []byte {
	var b strings.Builder
	for _, line := range strings.Split(string(stream), "\n") {
		line, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if before, after, ok := strings.Cut(line, `,"background":`); ok {
			_, output, _ := strings.Cut(after, `"output":`)
			output, _, _ = strings.Cut(output, `,"parallel_tool_calls"`)
			line = before + ` … "output":` + output
		}
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}
