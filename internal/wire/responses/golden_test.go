package responses_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// golden runs f over each txtar file of a folder: f gets the section "in" and
// returns those expected after it. CRATON_UPDATE_GOLDEN=1 renews them.
func golden(t *testing.T, dir string, f func(t *testing.T, in []byte) []txtar.File) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil || len(ar.Files) == 0 || ar.Files[0].Name != "in" {
				t.Fatalf("the case does not begin with a section in: %v", err)
			}
			got := &txtar.Archive{Comment: ar.Comment, Files: append(ar.Files[:1:1], f(t, ar.Files[0].Data)...)}
			if os.Getenv("CRATON_UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, _ := os.ReadFile(file)
			if d := cmp.Diff(string(want), string(txtar.Format(got))); d != "" {
				t.Errorf("differs from the golden case (-want +got):\n%s", d)
			}
		})
	}
}

func section(name string, data []byte) txtar.File {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data[:len(data):len(data)], '\n')
	}
	return txtar.File{Name: name, Data: data}
}

func indent(data []byte) []byte {
	v := jsontext.Value(bytes.Clone(data))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return []byte("not JSON: " + err.Error() + "\n" + string(data))
	}
	return v
}

func describe(losses []model.Loss, err error) []byte {
	var b strings.Builder
	for _, l := range losses {
		fmt.Fprintf(&b, "loss %d %s: %s\n", l.Severity, l.Path, l.What)
	}
	if err != nil {
		e := model.AsError(err)
		fmt.Fprintf(&b, "%s %s at %q: %s\n", e.Kind, e.Code, e.Subject, e.Public())
	}
	return []byte(b.String())
}

func shape(msgs []model.Message) []byte {
	var b strings.Builder
	for _, m := range msgs {
		fmt.Fprintf(&b, "%s", m.Role)
		if m.Transient {
			b.WriteString(" (transient)")
		}
		b.WriteByte(':')
		for _, p := range m.Parts {
			fmt.Fprintf(&b, " %s", strings.TrimPrefix(fmt.Sprintf("%T", p), "*model."))
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// stored resolves the one item the cases refer to.
func stored(id string) ([]byte, error) {
	if id == "msg_stored" {
		return []byte(`{"type":"message","id":"msg_stored","role":"assistant","status":"completed","content":[{"type":"output_text","text":"kept","annotations":[]}]}`), nil
	}
	return nil, model.Errorf(model.NotFound, id, "No such item.")
}

func TestRequestGolden(t *testing.T) {
	t.Parallel()
	golden(t, "request", func(t *testing.T, in []byte) []txtar.File {
		req, opts, err := responses.DecodeRequest(in, stored)
		if err != nil {
			return []txtar.File{section("error", describe(nil, err))}
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
			section("hub", shape(req.Messages)), section("items", indent(items)), section("upstream", indent(out)),
			section("response", indent(echo)), section("losses", describe(append(itemLosses, losses...), err)),
		}
	})
}

func TestStreamGolden(t *testing.T) {
	t.Parallel()
	golden(t, "stream", func(t *testing.T, in []byte) []txtar.File {
		events, err := drain(responses.DecodeEvents(split(in, 13)))
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
		return []txtar.File{section("out", brief(encodeStream(t, events, err))), section("losses", describe(losses, err))}
	})
}

// TestAnswerGolden encodes an answer of another vendor, given as its hub parts in code.
func TestAnswerGolden(t *testing.T) {
	t.Parallel()
	golden(t, "answer", func(t *testing.T, in []byte) []txtar.File {
		r := answers[strings.TrimSpace(string(in))]
		if r == nil {
			t.Fatalf("no answer is called %q", in)
		}
		whole, losses, err := responses.EncodeResponse(r, responses.ResponseOptions{ID: "resp_1", Created: 7, Completed: 9})
		if err != nil {
			t.Fatal(err)
		}
		events, _ := drain(model.Replay(r))
		return []txtar.File{section("out", brief(encodeStream(t, events, nil))), section("response", indent(whole)), section("losses", describe(losses, nil))}
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

func drain(s model.Stream) (events []model.Event, err error) {
	defer s.Close()
	for {
		ev, err := s.Next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
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
