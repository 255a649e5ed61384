package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// TestTerminalsAreNotSteered prints what a model wrote without obeying it.
func TestTerminalsAreNotSteered(t *testing.T) {
	t.Parallel()
	stream := "data: {\"type\":\"agent.session.turn.output_text.delta\",\"delta\":\"a\\u001b]0;x\\u0007\\tb\\u009bc\"}\n" +
		"data: {\"type\":\"agent.session.idle\",\"session\":{\"id\":\"ses_1\",\"status\":\"idle\"}}\n"
	var out, said bytes.Buffer
	if err := printTurn(strings.NewReader(stream), streams{out: &out, err: &said}); err != nil {
		t.Fatal(err)
	}
	if want := "a\\u001b]0;x\\u0007\tb\\u009bc\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

// TestWholeTimelines: whoever approves a call can read all of it.
func TestWholeTimelines(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("long ", 100)
	e := journalEvent{Seq: 7, Type: "model.answered", Payload: []byte(`{"message":{"Parts":[{"t":"tool_call","v":{"Name":"write","Arguments":"{\"text\":\"` + text + `\u202e\"}"}}]}}`)}
	if short := timeline(e, maxSubject); strings.Contains(short, text) || !strings.Contains(short, "…") {
		t.Errorf("the line is %q", short)
	}
	whole := timeline(e, math.MaxInt)
	if !strings.Contains(whole, text) || !strings.Contains(whole, `\u202e`) {
		t.Errorf("the whole line is %q", whole)
	}
}

// TestStoredResponses: a chain's line says what was asked and what was answered.
func TestStoredResponses(t *testing.T) {
	t.Parallel()
	e := journalEvent{Seq: 1, Type: "response.stored", Label: "resp_1", Payload: []byte(`{"id":"resp_1",
		"input":[{"role":"user","content":"plain"},{"role":"user","content":[{"type":"input_text","text":"in parts"}]}],
		"response":{"text":{"format":{"type":"text"}},"output":[{"type":"message","content":[{"type":"output_text","text":"the answer"}]},
		{"type":"function_call","name":"look","arguments":"{}"}]}}`)}
	if line := timeline(e, maxSubject); !strings.HasSuffix(line, "resp_1 “plain in parts” “the answer → look({})”") {
		t.Errorf("the line is %q", line)
	}
}
