package responses_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestUnrulyStreams feeds frames in any order: whatever an upstream sends, the
// events keep the hub's order or an error ends them, and the split does not matter.
func TestUnrulyStreams(t *testing.T) {
	t.Parallel()
	items := []string{
		`{"type":"message","id":"m","role":"assistant","content":[]}`,
		`{"type":"message","id":"n","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"r"}]}`,
		`{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"e"}`,
		`{"type":"function_call","id":"f","call_id":"c","name":"n","arguments":"{}"}`,
		`{"type":"custom_tool_call","id":"f","call_id":"c","name":"n","input":"x"}`,
		`{"type":"function_call"}`, `{"type":"novel","id":"x"}`, `null`,
	}
	deltas := []string{
		`"response.content_part.added","part":{"type":"output_text","text":"p"}`, `"response.content_part.added","part":{"type":"refusal","refusal":""}`,
		`"response.content_part.added","part":{"type":"reasoning_text","text":"q"}`, `"response.output_text.delta","delta":"b"`,
		`"response.output_text.annotation.added","annotation":{"type":"url_citation"}`, `"response.refusal.delta","delta":"c"`,
		`"response.reasoning_text.delta","delta":"d"`, `"response.reasoning_summary_text.delta","summary_index":1,"delta":"e"`,
		`"response.function_call_arguments.delta","delta":"f"`, `"response.custom_tool_call_input.delta","delta":"g"`, `"response.novel.delta","delta":"h"`,
	}
	frame := rapid.Custom(func(t *rapid.T) string {
		i := rapid.IntRange(-1, 3).Draw(t, "index")
		switch rapid.IntRange(0, 9).Draw(t, "frame") {
		case 0:
			return rapid.SampledFrom([]string{
				`{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","role":"assistant","content":"x"}]}}`,
				`{"type":"response.incomplete","response":{"status":"incomplete"}}`, `{"type":"response.failed","response":{"status":"failed"}}`,
				`{"type":"error","message":"m"}`, `{"type":"response.created"}`, `[]`, `{`, `{"type":"keepalive"}`,
			}).Draw(t, "odd")
		case 1, 2:
			return fmt.Sprintf(`{"type":"response.output_item.done","output_index":%d,"item":%s}`, i, rapid.SampledFrom(items).Draw(t, "item"))
		case 3, 4:
			return fmt.Sprintf(`{"type":"response.output_item.added","output_index":%d,"item":%s}`, i, rapid.SampledFrom(items).Draw(t, "item"))
		}
		return fmt.Sprintf(`{"output_index":%d,"content_index":%d,"type":%s}`, i, rapid.IntRange(-1, 1).Draw(t, "content"), rapid.SampledFrom(deltas).Draw(t, "delta"))
	})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("data: {\"type\":\"response.created\",\"response\":{\"id\":\"m\"}}\n\n")
		for _, f := range rapid.SliceOfN(frame, 0, 12).Draw(t, "frames") {
			b.WriteString("data: " + f + "\n\n")
		}
		b.WriteString("data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n")
		body := []byte(b.String())
		whole, err := golden.Drain(responses.DecodeEvents(golden.Split(body, 1<<20)))
		apart, err2 := golden.Drain(responses.DecodeEvents(golden.Split(body, 3)))
		if (err == nil) != (err2 == nil) || !cmp.Equal(whole, apart) {
			t.Fatalf("split bytes give other events: %v, %v", err, err2)
		}
		if err != nil {
			if k := model.AsError(err).Kind; k != model.UpstreamGarbage && k != model.UpstreamDown {
				t.Fatalf("the stream ends in %v", err)
			}
			return
		}
		if err := modeltest.CheckOrder(whole); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		again := encodeStream(t, whole, nil)
		if _, err := golden.Drain(responses.DecodeEvents(golden.Split(again, 11))); err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, again)
		}
	})
}
