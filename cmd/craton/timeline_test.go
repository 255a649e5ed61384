package main

import (
	"bytes"
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
