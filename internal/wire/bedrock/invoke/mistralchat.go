package invoke

import (
	"bytes"
	"slices"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// mistralChatCodec is Mistral's messages body: Chat Completions with its own
// words. Answers carry stop_reason beside finish_reason, and stream objects a
// message instead of a delta; both forms are read.
var mistralChatCodec = codec{
	decodeRequest: func(body []byte) (*model.Request, error) {
		if gjson.GetBytes(body, "tool_choice").String() == "any" {
			body, _ = sjson.SetBytes(body, "tool_choice", "required") // the path exists
		}
		return decodeOpenAI(body)
	},
	encodeRequest: func(req *model.Request) ([]byte, []model.Loss, error) {
		whole := *req
		whole.Stream = false
		body, losses, err := openai.Quirks{MaxTokens: true, NoDeveloper: true}.EncodeRequest(&whole)
		if err != nil {
			return nil, nil, err
		}
		if gjson.GetBytes(body, "tool_choice").String() == "required" {
			body, _ = sjson.SetBytes(body, "tool_choice", "any") // the path exists
		}
		body, err = sjson.DeleteBytes(body, "model")
		return body, losses, err
	},
	encodeResponse: func(r *model.Response, opts Options) ([]byte, []model.Loss, error) {
		body, losses, err := openai.EncodeResponse(r, openaiOptions(opts))
		if err != nil {
			return nil, nil, err
		}
		return mistralChoices(body), losses, nil
	},
	decodeResponse: func(body []byte) (*model.Response, error) {
		return openai.DecodeResponse(openaiChoices(body, "message"))
	},
	newObjects: func(opts Options) objects {
		return &sseObjects{enc: openai.NewEncoder(openaiOptions(opts)), edit: mistralChunk}
	},
	decodeEvents: func(c *chunks) model.Stream {
		r := c.sse()
		frame := c.wrap
		c.wrap = func(dst, native []byte) []byte { return frame(dst, openaiChoices(native, "delta")) }
		return openai.DecodeEvents(r)
	},
}

// mistralChoices repeats each finish_reason as stop_reason.
func mistralChoices(native []byte) []byte {
	for i, c := range gjson.GetBytes(native, "choices").Array() {
		finish := c.Get("finish_reason").Raw
		if finish == "" {
			finish = "null"
		}
		native, _ = sjson.SetRawBytes(native, "choices."+itoa(i)+".stop_reason", []byte(finish)) // the path exists
	}
	return native
}

// mistralChunk does the same for a stream's object, which also shows its delta
// as a message. It runs for every token, so it edits bytes: inside a string the
// quotes of these patterns would be escaped, and each object has one choice.
func mistralChunk(native []byte) []byte {
	const delta, finish = `,"delta":`, `,"finish_reason":`
	out := native
	if i := bytes.Index(out, []byte(delta)); i >= 0 {
		out = slices.Replace(out, i, i+len(delta), []byte(`,"message":`)...)
	}
	if i := bytes.Index(out, []byte(finish)); i >= 0 {
		from := i + len(finish)
		to := from + bytes.IndexAny(out[from:], ",}")
		reason := append([]byte(`,"stop_reason":`), out[from:to]...)
		out = slices.Insert(out, to, reason...)
	}
	return out
}

// openaiChoices undoes mistralChoices: what is said goes to member.
func openaiChoices(native []byte, member string) []byte {
	for i, c := range gjson.GetBytes(native, "choices").Array() {
		at := "choices." + itoa(i) + "."
		for _, other := range []string{"message", "delta"} {
			if v := c.Get(other); other != member && v.Exists() {
				native, _ = sjson.SetRawBytes(native, at+member, []byte(v.Raw)) // the paths exist
				native, _ = sjson.DeleteBytes(native, at+other)
			}
		}
		if stop := c.Get("stop_reason"); stop.Exists() {
			if !c.Get("finish_reason").Exists() {
				native, _ = sjson.SetRawBytes(native, at+"finish_reason", []byte(stop.Raw))
			}
			native, _ = sjson.DeleteBytes(native, at+"stop_reason")
		}
	}
	return native
}
