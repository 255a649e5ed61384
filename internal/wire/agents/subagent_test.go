package agents

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestSubagentTask writes a subagent whose task is known, and one whose task is
// not.
func TestSubagentTask(t *testing.T) {
	t.Parallel()
	known := Subagent{Instructions: &[]AgentContent{{Type: "output_text", Text: "half"}}}
	for want, s := range map[string]Subagent{`"text":"half"`: known, `"instructions":null`: {}} {
		raw, err := json.Marshal(s)
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s lacks %s: %v", raw, want, err)
		}
	}
}
