package responses

import (
	"testing"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// TestCutItems: what was cut short and begun anew is told in the stream, but is
// not part of the answer; where the answer itself ends there, it is.
func TestCutItems(t *testing.T) {
	t.Parallel()
	for want, how := range map[string]Ended{
		"msg_2":       {Stop: model.StopEnd},
		"msg_1 msg_2": {Status: "cancelled"},
	} {
		e := NewEncoder(ResponseOptions{ID: "resp_1", Model: "m"})
		say := func(id, text, status string) {
			e.AddMessage(nil, id)
			e.AddPart(nil, id, 0, &model.Text{})
			e.AddText(nil, id, 0, text)
			e.FinishMessage(nil, id, "", status)
		}
		e.Start(nil)
		say("msg_1", "one two", "incomplete")
		if got := gjson.GetBytes(e.Snapshot("in_progress"), "output.#.id").String(); got != `["msg_1"]` {
			t.Errorf("while it is made the answer has %s", got)
		}
		say("msg_2", "one two three", "completed")
		e.Close(nil, how)
		var ids string
		for i, id := range gjson.GetBytes(e.Response(), "output.#.id").Array() {
			if i > 0 {
				ids += " "
			}
			ids += id.String()
		}
		if ids != want {
			t.Errorf("an answer that ends with %+v has %q, not %q", how, ids, want)
		}
	}
}
