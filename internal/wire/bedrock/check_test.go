package bedrock

import (
	"strings"
	"testing"
)

const (
	toolsJSON = `"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}]}`
	useA      = `{"toolUse":{"toolUseId":"a","name":"t","input":{}}}`
	useB      = `{"toolUse":{"toolUseId":"b","name":"t","input":{}}}`
	resultA   = `{"toolResult":{"toolUseId":"a","content":[{"text":""}]}}`
	resultB   = `{"toolResult":{"toolUseId":"b","content":[]}}`
)

func turn(role string, blocks ...string) string {
	return `{"role":"` + role + `","content":[` + strings.Join(blocks, ",") + `]}`
}

func doc(name string) string {
	return `{"document":{"format":"txt","name":"` + name + `","source":{"text":"x"}}}`
}

const hi = `{"text":"hi"}`

// checks are conversations and what is wrong with them.
var checks = map[string]struct {
	messages []string
	tools    bool
	want     string // beginning of the message; empty for admissible
}{
	"plain":           {messages: []string{turn("user", hi), turn("assistant", hi), turn("user", hi)}},
	"assistant first": {messages: []string{turn("assistant", hi)}, want: "A conversation must start with a user message."},
	"two users":       {messages: []string{turn("user", hi), turn("user", hi)}, want: "A conversation must alternate between"},
	"no content":      {messages: []string{turn("user")}, want: "The content field in the Message object at messages.0 is empty."},
	"blank text": {
		messages: []string{turn("user", hi, `{"text":" \n"}`)},
		want:     "The text field in the ContentBlock object at messages.0.content.1 is blank.",
	},
	"paired": {
		messages: []string{turn("user", hi), turn("assistant", useA, useB), turn("user", resultB, resultA, hi)}, tools: true,
	},
	"tool config missing": {
		messages: []string{turn("user", hi), turn("assistant", useA), turn("user", resultA)},
		want:     "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
	},
	"result missing": {
		messages: []string{turn("user", hi), turn("assistant", useA, useB), turn("user", resultA)}, tools: true,
		want: "Expected toolResult blocks at messages.2.content for the following Ids: b",
	},
	"surplus result": {
		messages: []string{turn("user", hi), turn("assistant", useA), turn("user", resultA, resultB)}, tools: true,
		want: "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
	},
	"stale result": {
		messages: []string{turn("user", hi), turn("assistant", hi), turn("user", resultA)}, tools: true,
		want: "The number of toolResult blocks at messages.2.content exceeds",
	},
	"empty error": {
		messages: []string{
			turn("user", hi), turn("assistant", useA),
			turn("user", `{"toolResult":{"toolUseId":"a","content":[{"text":""}],"status":"error"}}`),
		},
		tools: true,
		want:  "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
	},
	"server tool": {
		messages: []string{
			turn("user", hi),
			turn("assistant", `{"toolUse":{"toolUseId":"s","name":"web","input":{},"type":"server_tool_use"}}`,
				`{"toolResult":{"toolUseId":"s","content":[{"text":"x"}],"type":"web_result"}}`, hi),
			turn("user", hi),
		},
		tools: true,
	},
	"tool change": {
		messages: []string{
			turn("user", hi), turn("system", `{"toolAddition":{"tool":{"name":"t"}}}`), turn("assistant", hi),
		},
	},
	"document":        {messages: []string{turn("user", hi, doc("a_b (1) [x]-y"))}},
	"document dot":    {messages: []string{turn("user", hi, doc("a.txt"))}, want: "The document file name can only contain"},
	"document spaces": {messages: []string{turn("user", hi, doc("a  b"))}, want: "The document file name can only contain"},
	"document twice":  {messages: []string{turn("user", hi, doc("a"), doc("a"))}, want: "Messages can't contain duplicate document names."},
	"six documents": {
		messages: []string{turn("user", hi, doc("a"), doc("b"), doc("c"), doc("d"), doc("e"), doc("f"))},
		want:     "You can't include more than 5 documents in a request.",
	},
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"system":[{"text":"be brief"}],"messages":[` + strings.Join(c.messages, ",") + `]`
			if c.tools {
				body += "," + toolsJSON
			}
			req, err := DecodeRequest([]byte(body + "}"))
			if err != nil {
				t.Fatal(err)
			}
			err = Check(req)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && err == nil:
				t.Errorf("accepted, want %q", c.want)
			case c.want != "" && !strings.Contains(err.Error(), ": "+c.want):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
