package bedrock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/google/go-cmp/cmp"
)

// frames writes "name payload" lines as event frames; "!name payload" is an exception.
func frames(lines ...string) []byte {
	var dst []byte
	for _, l := range lines {
		name, payload, _ := strings.Cut(l, " ")
		kind := frame.Event
		if rest, ok := strings.CutPrefix(name, "!"); ok {
			kind, name = frame.Exception, rest
		}
		var start int
		dst, start = frame.Open(dst, kind, name)
		dst = frame.Close(append(dst, payload...), start)
	}
	return dst
}

// unframe is the reverse of frames.
func unframe(t testing.TB, data []byte) []string {
	t.Helper()
	r := frame.NewReader(bytes.NewReader(data))
	var lines []string
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		mark := ""
		if m.Type == frame.Exception {
			mark = "!"
		}
		lines = append(lines, mark+m.Name+" "+string(m.Payload))
	}
}

var liveStream = []string{
	`messageStart {"role":"assistant","p":"abcdef"}`,
	`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"a"}`,
	`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"sig"}}}`,
	`contentBlockStop {"contentBlockIndex":0}`,
	`contentBlockStart {"contentBlockIndex":1,"start":{}}`,
	`contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"Hel"}}`,
	`contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"lo"}}`,
	`contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"title":"t","location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}}`,
	`contentBlockStop {"contentBlockIndex":1}`,
	`contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"f"}}}`,
	`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}`,
	`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\""}}}`,
	`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":":1}"}}}`,
	`contentBlockStop {"contentBlockIndex":2}`,
	`contentBlockStart {"contentBlockIndex":3,"start":{"image":{"format":"png"}}}`,
	`contentBlockDelta {"contentBlockIndex":3,"delta":{"image":{"source":{"bytes":"AAE="}}}}`,
	`contentBlockDelta {"contentBlockIndex":3,"delta":{"image":{"source":{"bytes":"Ag=="}}}}`,
	`contentBlockStop {"contentBlockIndex":3}`,
	`contentBlockStart {"contentBlockIndex":4,"start":{"toolResult":{"toolUseId":"s","type":"web_result","status":"success"}}}`,
	`contentBlockDelta {"contentBlockIndex":4,"delta":{"toolResult":[{"text":"r"},{"json":{"x":1}}]}}`,
	`contentBlockStop {"contentBlockIndex":4}`,
	`contentBlockDelta {"contentBlockIndex":5,"delta":{"reasoningContent":{"redactedContent":"AAEC"}}}`,
	`contentBlockStop {"contentBlockIndex":5}`,
	`messageStop {"stopReason":"tool_use","additionalModelResponseFields":{"delta":{"stop_sequence":"END"}}}`,
	`metadata {"usage":{"inputTokens":18,"outputTokens":386,"totalTokens":7906,"cacheReadInputTokens":7000,"cacheWriteInputTokens":502,` +
		`"cacheDetails":[{"ttl":"1h","inputTokens":500}],"serverToolUsage":{}},"metrics":{"latencyMs":5},"serviceTier":{"type":"flex"},` +
		`"performanceConfig":{"latency":"optimized"},"trace":{"promptRouter":{"invokedModelId":"m"}}}`,
}

// wantAnswer is what liveStream says.
func wantAnswer() *model.Response {
	return &model.Response{
		Choices: []model.Choice{{
			Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{
				&model.Reasoning{Text: "hm", Signature: "sig"},
				&model.Text{Text: "Hello", Citations: []model.Citation{{Kind: "page", Title: "t", Start: 1, End: 2}}},
				&model.ToolCall{ID: "tooluse_1", Name: "f", Arguments: `{"a":1}`},
				&model.Image{Source: model.Source{MIME: "image/png", Data: []byte{0, 1, 2}}},
				&model.ToolResult{
					CallID: "s", Server: true, Extra: &model.Opaque{Dialect: model.DialectConverse, Raw: []byte(`{"type":"web_result"}`)},
					Content: []model.Part{&model.Text{Text: "r"}, &model.Structured{JSON: []byte(`{"x":1}`)}},
				},
				&model.Reasoning{Redacted: []byte{0, 1, 2}},
			}},
			Stop: model.StopToolUse, StopSequence: "END",
		}},
		Usage: model.Usage{Input: 18, CacheRead: 7000, CacheWrite5m: 2, CacheWrite1h: 500, Output: 386, ServiceTier: "flex"},
		Extra: &model.Opaque{Dialect: model.DialectConverse, Raw: []byte(
			`{"additionalModelResponseFields":{"delta":{"stop_sequence":"END"}},"trace":{"promptRouter":{"invokedModelId":"m"}},` +
				`"performanceConfig":{"latency":"optimized"}}`)},
	}
}

func TestDecodeEvents(t *testing.T) {
	t.Parallel()
	got, err := model.Collect(DecodeEvents(iotest.OneByteReader(bytes.NewReader(frames(liveStream...)))))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wantAnswer(), got); d != "" {
		t.Errorf("answer differs (-want +got):\n%s", d)
	}
}

func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	enc := NewEncoder(Options{Elapsed: func() time.Duration { return 7 * time.Millisecond }})
	var dst []byte
	var err error
	for _, ev := range model.ExplodeResponse(wantAnswer()) {
		if dst, err = enc.Append(dst, ev); err != nil {
			t.Fatal(err)
		}
	}
	dst = enc.Finish(dst)
	got, err := model.Collect(DecodeEvents(bytes.NewReader(dst)))
	if err != nil {
		t.Fatal(err)
	}
	want := wantAnswer()
	if d := cmp.Diff(want.Choices, got.Choices); d != "" {
		t.Errorf("choices differ (-want +got):\n%s", d)
	}
	if got.Usage != want.Usage {
		t.Errorf("usage %+v, want %+v", got.Usage, want.Usage)
	}
	sameJSON(t, got.Extra.Raw, want.Extra.Raw)
	if len(enc.Finish(nil)) != 0 {
		t.Error("Finish wrote twice")
	}
}

func TestEncoderFrames(t *testing.T) {
	t.Parallel()
	enc := NewEncoder(Options{ResponsePaths: []string{"/stop_sequence"}, Latency: "standard"})
	var dst []byte
	var err error
	for _, ev := range []model.Event{
		{Kind: model.EventStart, ID: "x"},
		{Kind: model.EventPartStart, Part: &model.Text{}},
		{Kind: model.EventDelta, Text: "a\"b"},
		{Kind: model.EventPing},
		{Kind: model.EventPartStop},
		{Kind: model.EventPartStart, Index: 1, Part: &model.Text{}},
		{Kind: model.EventPartStop, Index: 1},
		{Kind: model.EventPartStart, Index: 2, Part: &model.ToolCall{ID: "i", Name: "f", Server: true}},
		{Kind: model.EventPartStop, Index: 2},
		{Kind: model.EventStop, Stop: model.StopSequence, StopSequence: "."},
		{Kind: model.EventUsage, Usage: &model.Usage{Input: 1, CacheRead: 2, Output: 3}},
	} {
		if dst, err = enc.Append(dst, ev); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`messageStart {"role":"assistant"}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a\"b"}}`,
		`contentBlockStop {"contentBlockIndex":0}`,
		`contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"i","name":"f","type":"server_tool_use"}}}`,
		`contentBlockStop {"contentBlockIndex":1}`,
		`messageStop {"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"."}}`,
		`metadata {"usage":{"inputTokens":1,"outputTokens":3,"totalTokens":6,"cacheReadInputTokens":2,"cacheWriteInputTokens":0},` +
			`"metrics":{"latencyMs":0},"performanceConfig":{"latency":"standard"}}`,
	}
	if d := cmp.Diff(want, unframe(t, enc.Finish(dst))); d != "" {
		t.Errorf("frames differ (-want +got):\n%s", d)
	}
}

// TestBlocksDoNotInterleave feeds tool calls that arrive side by side.
func TestBlocksDoNotInterleave(t *testing.T) {
	t.Parallel()
	call := func(i int, id string) model.Event {
		return model.Event{Kind: model.EventPartStart, Index: i, Part: &model.ToolCall{ID: id, Name: "f"}}
	}
	delta := func(i int, s string) model.Event { return model.Event{Kind: model.EventDelta, Index: i, Text: s} }
	stop := func(i int) model.Event { return model.Event{Kind: model.EventPartStop, Index: i} }
	enc := NewEncoder(Options{})
	var dst []byte
	var err error
	for _, ev := range []model.Event{
		{Kind: model.EventStart}, call(0, "a"), call(1, "b"), delta(1, `{"b"`), delta(0, `{}`), call(2, "c"), delta(2, `{}`),
		stop(2), stop(0), delta(1, `:1}`), stop(1), {Kind: model.EventStop, Stop: model.StopToolUse},
	} {
		if dst, err = enc.Append(dst, ev); err != nil {
			t.Fatal(err)
		}
	}
	lines := unframe(t, enc.Finish(dst))
	open := ""
	for _, l := range lines {
		name, payload, _ := strings.Cut(l, " ")
		index := payload[strings.Index(payload, ":")+1:][:1]
		switch {
		case name == "contentBlockStart" && open != "", strings.HasPrefix(name, "contentBlock") && name != "contentBlockStart" && index != open:
			t.Fatalf("blocks interleave at %s in\n%s", l, strings.Join(lines, "\n"))
		case name == "contentBlockStart":
			open = index
		case name == "contentBlockStop":
			open = ""
		}
	}
	got, err := model.Collect(DecodeEvents(bytes.NewReader(dst)))
	if err == nil {
		t.Fatal("dst without Finish must be incomplete")
	}
	calls := got.Choices[0].Message.ToolCalls()
	var args []string
	for _, c := range calls {
		args = append(args, c.ID+c.Arguments)
	}
	if want := `[a{} b{"b":1} c{}]`; fmt.Sprint(args) != want {
		t.Errorf("got %v, want %s", args, want)
	}
}

func TestMalformedToolUse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]model.StopReason{
		`{"a":1}`: model.StopToolUse, ``: model.StopToolUse, `{"a":`: model.StopMalformedToolUse, `[1]`: model.StopMalformedToolUse,
	} {
		r := &model.Response{Choices: []model.Choice{{
			Message: model.Message{Parts: []model.Part{&model.ToolCall{ID: "a", Name: "f", Arguments: args}}}, Stop: model.StopToolUse,
		}}}
		enc := NewEncoder(Options{})
		var dst []byte
		for _, ev := range model.ExplodeResponse(r) {
			dst, _ = enc.Append(dst, ev)
		}
		streamed, err := model.Collect(DecodeEvents(bytes.NewReader(enc.Finish(dst))))
		if err != nil {
			t.Fatal(err)
		}
		body, _, err := EncodeResponse(r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := DecodeResponse(body)
		if err != nil {
			t.Fatal(err)
		}
		if streamed.Choices[0].Stop != want || whole.Choices[0].Stop != want {
			t.Errorf("%q: streamed %s, whole %s, want %s", args, streamed.Choices[0].Stop, whole.Choices[0].Stop, want)
		}
		if want == model.StopMalformedToolUse && !strings.Contains(whole.Choices[0].Message.Text(), args) {
			t.Errorf("%q is lost in %s", args, body)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	start, text := liveStream[0], `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"x"}}`
	stop, meta := `messageStop {"stopReason":"end_turn"}`, `metadata {"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}`
	for name, c := range map[string]struct {
		data []byte
		want model.Kind
	}{
		"nothing":       {nil, model.UpstreamGarbage},
		"no stop":       {frames(start, text), model.UpstreamGarbage},
		"no metadata":   {frames(start, text, stop), model.UpstreamGarbage},
		"cut":           {frames(start, text, stop, meta)[:200], model.UpstreamGarbage},
		"text":          {[]byte("data: {}\n\ndata: [DONE]\n\n"), model.UpstreamGarbage},
		"bad json":      {frames(start, `contentBlockDelta {"delta":`), model.UpstreamGarbage},
		"tool no start": {frames(start, `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"x"}}}`), model.UpstreamGarbage},
		"mismatch":      {frames(start, text, `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"x"}}}`), model.UpstreamGarbage},
		"huge index":    {frames(start, `contentBlockDelta {"contentBlockIndex":99999999,"delta":{"text":"x"}}`), model.UpstreamGarbage},
		"throttled":     {frames(start, text, `!throttlingException {"message":"Too many tokens"}`), model.RateLimited},
		"invalid":       {frames(start, `!validationException {"message":"Input is too long for requested model"}`), model.ContextLength},
		"model":         {frames(start, `!modelStreamErrorException {"message":"x","originalStatusCode":500}`), model.UpstreamGarbage},
		"internal":      {frames(start, `!internalServerException {"message":"x"}`), model.UpstreamDown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := model.Collect(DecodeEvents(bytes.NewReader(c.data)))
			if e := model.AsError(err); e == nil || e.Kind != c.want {
				t.Errorf("got %v, want kind %v", err, c.want)
			}
		})
	}
}

func TestMetadataMayComeFirst(t *testing.T) {
	t.Parallel()
	r, err := model.Collect(DecodeEvents(bytes.NewReader(frames(
		`messageStart {"role":"assistant"}`, `metadata {"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"x"}}`, `newEvent {"a":1}`, `messageStop {"stopReason":"end_turn"}`))))
	if err != nil || r.Usage.Output != 2 || r.Choices[0].Message.Text() != "x" || string(r.Extra.Raw) != `{"newEvent":{"a":1}}` {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestErrorAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	for kind, want := range map[model.Kind]string{
		model.RateLimited: "throttlingException", model.Timeout: "modelStreamErrorException", model.Internal: "internalServerException",
		model.UpstreamDown: "serviceUnavailableException", model.UpstreamGarbage: "modelStreamErrorException", model.Invalid: "validationException",
	} {
		enc := NewEncoder(Options{})
		dst, err := enc.Append(nil, model.Event{Kind: model.EventStart})
		if err != nil {
			t.Fatal(err)
		}
		dst = enc.AppendError(dst, &model.Error{Kind: kind, Message: "No.", Err: errors.New("secret")})
		lines := unframe(t, enc.Finish(dst))
		if len(lines) != 2 || lines[1] != "!"+want+` {"message":"No."}` {
			t.Errorf("%v: got %q", kind, lines)
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	t.Parallel()
	for name, ev := range map[string]model.Event{
		"second choice": {Kind: model.EventPartStart, Choice: 1, Part: &model.Text{}},
		"speech":        {Kind: model.EventPartStart, Part: &model.Audio{}},
		"video":         {Kind: model.EventPartStart, Part: &model.Video{}},
	} {
		_, err := NewEncoder(Options{}).Append(nil, ev)
		if e := model.AsError(err); e == nil || e.Kind != model.Unsupported {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCloseEndsTheStream(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	s := DecodeEvents(r)
	go func() { _, _ = w.Write(frames(liveStream[0])) }()
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Next()
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("Next went on after Close")
	}
	if err := s.Close(); err != nil {
		t.Error("closing twice must be harmless")
	}
}
