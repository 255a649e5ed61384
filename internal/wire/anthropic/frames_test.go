package anthropic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestUnrulyStreams feeds frames in any order: whatever an upstream sends, the
// events keep the hub's order or an error ends them, and the split does not matter.
func TestUnrulyStreams(t *testing.T) {
	t.Parallel()
	blocks := []string{
		`{"type":"text","text":"a"}`, `{"type":"thinking","thinking":"","signature":""}`, `{"type":"redacted_thinking","data":"x"}`,
		`{"type":"tool_use","id":"t","name":"n","input":{}}`, `{"type":"tool_use","id":"t","name":"n","input":{"a":1}}`,
		`{"type":"novel","text":"n"}`, `{"type":"tool_result","tool_use_id":"t","content":"c"}`, `{"text":7}`, `null`,
	}
	deltas := []string{
		`{"type":"text_delta","text":"b"}`, `{"type":"thinking_delta","thinking":"c"}`, `{"type":"signature_delta","signature":"s"}`,
		`{"type":"input_json_delta","partial_json":"{}"}`, `{"type":"citations_delta","citation":{"type":"char_location"}}`, `{"type":"novel_delta"}`,
	}
	frame := rapid.Custom(func(t *rapid.T) string {
		i := rapid.IntRange(-1, 3).Draw(t, "index")
		switch rapid.IntRange(0, 9).Draw(t, "frame") {
		case 0:
			return `{"type":"ping"}`
		case 1:
			return `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}`
		case 2:
			return rapid.SampledFrom([]string{`{"type":"message_stop"}`, `{"type":"error","error":{"type":"api_error","message":"m"}}`, `[]`, `{`, `{"type":"message_start"}`}).Draw(t, "odd")
		case 3, 4:
			return fmt.Sprintf(`{"type":"content_block_stop","index":%d}`, i)
		case 5, 6:
			return fmt.Sprintf(`{"type":"content_block_start","index":%d,"content_block":%s}`, i, rapid.SampledFrom(blocks).Draw(t, "block"))
		}
		return fmt.Sprintf(`{"type":"content_block_delta","index":%d,"delta":%s}`, i, rapid.SampledFrom(deltas).Draw(t, "delta"))
	})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n")
		for _, f := range rapid.SliceOfN(frame, 0, 12).Draw(t, "frames") {
			b.WriteString("data: " + f + "\n\n")
		}
		body := []byte(b.String())
		whole, err := golden.Drain(anthropic.DecodeEvents(golden.Split(body, 1<<20)))
		apart, err2 := golden.Drain(anthropic.DecodeEvents(golden.Split(body, 3)))
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
		encodeStream(t, whole, nil)
	})
}
