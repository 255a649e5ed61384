package edge_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestAgentsIgnoredMembers: what a request holds that is not known here is
// ignored, and named; a client that wants nothing lost is refused.
func TestAgentsIgnoredMembers(t *testing.T) {
	t.Parallel()
	w, _ := sessionsWorld(t)
	const body = `{"model":"m","temper":"mild","text":{"format":{"type":"text"},"font":"serif"}}`
	told := agentsCall("told", "POST", "/v1/agents", body, 200, `"object"`)
	told.WantHeader[edge.LossHeader] = "temper: unknown, and ignored; text.font: unknown, and ignored"
	known := agentsCall("nothing to tell", "POST", "/v1/agents", `{"model":"m"}`, 200)
	known.WantHeader[edge.LossHeader] = ""
	strict := agentsCall("strict", "POST", "/v1/agents", body, 400, "Unknown parameter: 'temper'")
	strict.Header = map[string]string{edge.StrictHeader: "true"}
	for name, value := range beta {
		strict.Header[name] = value
	}
	long := agentsCall("a long name", "POST", "/v1/agents", `{"model":"m"`+`,"`+strings.Repeat("x", 200)+`":1`+`}`, 200)
	long.WantHeader[edge.LossHeader] = strings.Repeat("x", 80) + ": unknown, and ignored"
	w.Run(t, []edgetest.Scenario{told, known, strict, long})
}
