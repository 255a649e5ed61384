package edge_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
)

// TestAnswersTellWhatTheyLose: what a dialect cannot say of an answer is
// listed, as what an upstream cannot be told is.
func TestAnswersTellWhatTheyLose(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{
		edgetest.Upstream("up", "m", func(context.Context, *model.Request) (model.Stream, error) {
			call := &model.ToolCall{ID: "call_1", Name: "f", Arguments: `[1]`}
			answer := model.Message{Role: model.RoleAssistant, Parts: []model.Part{call}}
			return model.Replay(&model.Response{Choices: []model.Choice{{Message: answer}, {Message: answer}}}), nil
		}),
	}})
	for _, c := range []struct{ path, body, want string }{
		{"/v1/chat/completions", `{"model":"script/script-chat","messages":[{"role":"user","content":"hi"}],"vendor_knob":1}`, "vendor_knob: the member"},
		{"/v1/messages", `{"model":"script/script-chat","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"vendor_knob":1}`, "vendor_knob: the member"},
		{"/v1/messages", `{"model":"up/m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, "not a JSON object"},
		{"/model/up%2Fm/converse", `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`, "1 more were made"},
	} {
		a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path, Body: c.body})
		if got := a.Header.Get(edge.LossHeader); a.Status != 200 || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d, lost %q, want %q", c.path, a.Status, got, c.want)
		}
	}
}
