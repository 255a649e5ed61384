package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestAnswersOfOthers follows a message that came while other turns were under
// way: the end of an earlier turn is not the answer's, a subagent's words and
// failures are not the agent's.
func TestAnswersOfOthers(t *testing.T) {
	t.Parallel()
	stream := strings.Join([]string{
		`{"type":"agent.session.turn.failed","turn_id":"t1","turn":{"error":{"message":"an earlier one"}}}`,
		`{"type":"agent.session.idle","session":{"id":"ses_1","status":"idle"}}`,
		`{"type":"agent.session.turn.created","turn_id":"t2","turn":{"subagent_id":null}}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t2","item_id":"i1","delta":"what was under"}`,
		`{"type":"agent.session.turn.item.added","turn_id":"t2","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"mine"}]}}`,
		`{"type":"agent.session.turn.created","turn_id":"t3","turn":{"subagent_id":"sub_1"}}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t3","delta":"not this"}`,
		`{"type":"agent.session.turn.failed","turn_id":"t3","turn":{"subagent_id":"sub_1","error":{"message":"nor this"}}}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t2","item_id":"i1","delta":" way"}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t2","item_id":"i2","delta":"the "}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t2","item_id":"i2","delta":"answer"}`,
		`{"type":"agent.session.turn.output_text.delta","turn_id":"t2","item_id":"i3","delta":"and more"}`,
		`{"type":"agent.session.idle","session":{"id":"ses_1","status":"idle"}}`,
	}, "\ndata: ")
	var out, said bytes.Buffer
	one := turn{streams: streams{out: &out, err: &said}, id: "ses_1", waits: "mine"}
	if err := one.print(strings.NewReader("data: " + stream + "\n")); err != nil {
		t.Fatal(err)
	}
	if out.String() != "the answer\nand more\n" || said.String() != "session ses_1 is idle\n" {
		t.Errorf("printed %q and %q", out.String(), said.String())
	}
}

// TestNeedsOfSessions says what each kind of required action asks for.
func TestNeedsOfSessions(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		`{"type":"mcp_approval_request","request_id":"mcpr_1","request":{"message":"It wants to call write.","arguments":{"a":1}}}`: "wants to call write. {\"a\":1}\n`craton sessions approve ses_1 mcpr_1`",
		`{"type":"function_call","call_id":"call_1","name":"look","arguments":{"b":2}}`:                                             `look({"b":2})`,
		`{"type":"environment_connection","environment_id":"env_1"}`:                                                                "env_1",
	} {
		var out, said bytes.Buffer
		err := printTurn(strings.NewReader(`data: {"type":"agent.session.requires_action","session":{"id":"ses_1","status":"requires_action","required_actions":[`+action+`]}}`+"\n"),
			streams{out: &out, err: &said})
		if err != nil || !strings.Contains(said.String(), want) || !strings.Contains(said.String(), "sessions show --full ses_1") {
			t.Errorf("%v, said %q, want %q", err, said.String(), want)
		}
	}
}

// TestSessionsThatEnd: a session that failed for good, and a stream that does.
func TestSessionsThatEnd(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		`{"type":"agent.session.failed","session":{"id":"ses_1","status":"failed","error":"it is broken"}}`: "it is broken",
		`{"type":"error","error":{"type":"internal_error","message":"the journal is gone"}}`:                "the journal is gone",
	} {
		var out bytes.Buffer
		one := turn{streams: streams{out: &out, err: &out}, id: "ses_1", waits: "mine"}
		if err := one.print(strings.NewReader("data: " + event + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
