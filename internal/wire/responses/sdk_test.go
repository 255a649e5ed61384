package responses_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
	sdk "github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	"github.com/tidwall/gjson"
)

// TestSDKReadsTheStream lets the vendor's own client read a stream and its own
// accumulator collect it, and checks what that relies on: dense numbers, items
// added before they are extended, a terminal response with all of them.
func TestSDKReadsTheStream(t *testing.T) {
	t.Parallel()
	events, err := golden.Drain(model.Replay(answers["thinking and calls"]))
	if err != nil {
		t.Fatal(err)
	}
	body := encodeStream(t, events, nil)
	res := &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(body))}
	stream := ssestream.NewStream[sdk.ResponseStreamEventUnion](ssestream.NewDecoder(res), nil)
	defer stream.Close()
	var acc sdk.ResponseAccumulator
	next := int64(0)
	for stream.Next() {
		ev := stream.Current()
		if ev.SequenceNumber != next {
			t.Errorf("event %s has number %d, not %d", ev.Type, ev.SequenceNumber, next)
		}
		next++
		var server sdk.ResponsesServerEventUnion
		decodeSDK(t, []byte(ev.RawJSON()), &server)
		if err := acc.AddEvent(server); err != nil {
			t.Fatalf("the SDK's accumulator refuses %s: %v", ev.RawJSON(), err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatalf("the SDK ends the stream: %v", err)
	}
	got, err := acc.ReconstructedResponse()
	if err != nil {
		t.Fatalf("the SDK has no response: %v", err)
	}
	if got.OutputText() != "So be it." || acc.Snapshot().OutputText() != "So be it." || got.Status != sdk.ResponseStatusCompleted || len(got.Output) != 5 {
		t.Errorf("the SDK reads %q, %s, %d items", got.OutputText(), got.Status, len(got.Output))
	}
	if call := got.Output[3].AsFunctionCall(); call.CallID != "toolu_2" || call.Arguments != `{"a":1}` {
		t.Errorf("the call reads as %+v", call)
	}
	if u := got.Usage; u.InputTokens != 10 || u.InputTokensDetails.CachedTokens != 3 || u.OutputTokensDetails.ReasoningTokens != 4 || u.TotalTokens != 19 {
		t.Errorf("usage reads as %s", u.RawJSON())
	}
}

func decodeSDK(t *testing.T, body []byte, into any) {
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("the SDK refuses %s: %v", body, err)
	}
}

// TestObjectHasEveryMember checks the members that the SDKs and the Open
// Responses suite demand, null where there is nothing to say.
func TestObjectHasEveryMember(t *testing.T) {
	t.Parallel()
	body, _, err := responses.EncodeResponse(nil, responses.ResponseOptions{ID: "resp_1", Created: 7, Status: "queued"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"id", "object", "created_at", "error", "incomplete_details", "instructions", "metadata", "model", "output",
		"parallel_tool_calls", "temperature", "tool_choice", "tools", "top_p", "access_programs", "status", "completed_at",
		"previous_response_id", "truncation", "text", "presence_penalty", "frequency_penalty", "top_logprobs", "reasoning",
		"usage", "max_output_tokens", "max_tool_calls", "store", "background", "service_tier", "safety_identifier", "prompt_cache_key",
	} {
		if !gjson.GetBytes(body, name).Exists() {
			t.Errorf("the response has no member %s", name)
		}
	}
	if gjson.GetBytes(body, "output_text").Exists() {
		t.Error("output_text is the SDKs' own")
	}
}

// TestSDKRequestIsRead decodes a request made by the SDK.
func TestSDKRequestIsRead(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(sdk.ResponseNewParams{
		Model: "gpt", Instructions: openai.String("Be brief."), Store: openai.Bool(false), PreviousResponseID: openai.String("resp_0"),
		Reasoning: shared.ReasoningParam{Effort: shared.ReasoningEffortHigh},
		Include:   []sdk.ResponseIncludable{sdk.ResponseIncludableReasoningEncryptedContent},
		Tools:     []sdk.ToolUnionParam{sdk.ToolParamOfFunction("get", map[string]any{"type": "object"}, true)},
		Input: sdk.ResponseNewParamsInputUnion{OfInputItemList: sdk.ResponseInputParam{
			sdk.ResponseInputItemParamOfMessage("hi", sdk.EasyInputMessageRoleUser),
			sdk.ResponseInputItemParamOfFunctionCall("{}", "call_1", "get"),
			{OfFunctionCallOutput: &sdk.ResponseInputItemFunctionCallOutputParam{
				CallID: openai.String("call_1"),
				Output: sdk.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("one")},
			}},
			sdk.ResponseInputItemParamOfReasoning("rs_1", []sdk.ResponseReasoningItemSummaryParam{{Text: "s"}}),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	req, opts, err := responses.DecodeRequest(body, nil)
	if err != nil {
		t.Fatalf("the SDK's request is refused: %v\n%s", err, body)
	}
	want := "system (transient): Text\nuser: Text\nassistant: ToolCall\nuser: ToolResult\nassistant: Reasoning\n"
	if got := string(golden.Shape(req.Messages)); got != want || len(req.Tools) != 1 || opts.Stored() || opts.PreviousResponseID != "resp_0" ||
		!req.Reasoning.Encrypted || req.Reasoning.Effort != "high" {
		t.Errorf("the SDK's request reads as\n%s", got)
	}
}

func TestFinishThenErrorReusesNumbers(t *testing.T) {
	t.Parallel()
	enc := responses.NewEncoder(responses.ResponseOptions{ID: "resp_1", Bare: true, Options: &responses.Options{StreamID: "lane"}})
	var buf []byte
	var err error
	for _, ev := range model.ExplodeResponse(answers["refusal"]) {
		if buf, err = enc.Append(buf, ev); err != nil {
			t.Fatal(err)
		}
	}
	sent := enc.Next()
	_ = enc.Finish(nil, 9)
	out := enc.AppendError(nil, model.Errorf(model.Internal, "", "The answer could not be kept."))
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for i, line := range lines {
		if n := gjson.Get(line, "sequence_number").Int(); n != sent+int64(i) {
			t.Errorf("line %d has number %d, not %d: %s", i, n, sent+int64(i), line)
		}
		if gjson.Get(line, "stream_id").Str != "lane" {
			t.Errorf("the lane is missing: %s", line)
		}
	}
	last := lines[len(lines)-1]
	if gjson.Get(last, "type").Str != "response.failed" || gjson.Get(last, "response.error.code").Str != "server_error" {
		t.Errorf("the stream ends in %s", last)
	}
	if more := enc.AppendError(nil, model.Errorf(model.Internal, "", "Again.")); len(more) != 0 {
		t.Errorf("something follows the end: %s", more)
	}
}

// TestCredentialsAreNotEchoed keeps what a tool needs to log in out of the response object.
func TestCredentialsAreNotEchoed(t *testing.T) {
	t.Parallel()
	req, opts, err := responses.DecodeRequest([]byte(`{"model":"m","input":"x","tools":[{"type":"mcp","server_label":"a","server_url":"https://a.example","authorization":"s3cret","headers":{"X-Key":"s3cret"}}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := responses.EncodeResponse(nil, responses.ResponseOptions{ID: "resp_1", Request: req, Options: opts})
	if err != nil || strings.Contains(string(body), "s3cret") || !strings.Contains(string(body), "https://a.example") {
		t.Fatalf("the tool is shown as %s, %v", gjson.GetBytes(body, "tools"), err)
	}
}

func TestUsageIsReadInPassing(t *testing.T) {
	t.Parallel()
	events, _ := golden.Drain(model.Replay(answers["thinking and calls"]))
	body := encodeStream(t, events, nil)
	for _, n := range []int{1, 7, 4096} {
		var scan responses.UsageScanner
		for b := body; len(b) > 0; b = b[min(n, len(b)):] {
			_, _ = scan.Write(b[:min(n, len(b))])
		}
		u, ok := scan.Usage()
		if ended, failure := scan.Ended(); !ok || !ended || failure != nil || u.Total() != 19 || u.CacheRead != 3 {
			t.Errorf("split by %d: usage %+v, told %t, ended %t, %v", n, u, ok, ended, failure)
		}
	}
}

func TestLossesOfOtherDialects(t *testing.T) {
	t.Parallel()
	k := 3
	foreign := &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"type":"x"}`)}
	for path, change := range map[string]func(*model.Request){
		"stop":               func(r *model.Request) { r.Stop = []string{"x"} },
		"top_k":              func(r *model.Request) { r.TopK = &k },
		"n":                  func(r *model.Request) { r.N = 2 },
		"extra":              func(r *model.Request) { r.Extra = foreign },
		"tools.0":            func(r *model.Request) { r.Tools = []model.Tool{{Name: "w", Opaque: foreign}} },
		"messages.0.parts.1": func(r *model.Request) { r.Messages[0].Parts = append(r.Messages[0].Parts, foreign) },
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			req := &model.Request{Model: "m", Messages: []model.Message{model.UserText("hi")}}
			change(req)
			body, losses, err := responses.EncodeRequest(req, nil)
			if err != nil || len(losses) != 1 || losses[0].Path != path || losses[0].Severity != model.LossMajor || !gjson.ValidBytes(body) {
				t.Fatalf("losses %+v, error %v, body %s", losses, err, body)
			}
		})
	}
}

func TestCloseEndsTheStream(t *testing.T) {
	t.Parallel()
	s := responses.DecodeEvents(golden.Split(nil, 1))
	_ = s.Close()
	if _, err := s.Next(); model.AsError(err).Kind != model.Canceled {
		t.Errorf("a closed stream ends in %v", err)
	}
}

func BenchmarkEncodeDelta(b *testing.B) {
	enc := responses.NewEncoder(responses.ResponseOptions{ID: "resp_1"})
	buf, _ := enc.Append(nil, model.Event{Kind: model.EventStart})
	buf, _ = enc.Append(buf, model.Event{Kind: model.EventPartStart, Part: &model.Text{}})
	ev := model.Event{Kind: model.EventDelta, Text: "some words of text"}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = enc.Append(buf[:0], ev); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSmallAnswers(t *testing.T) {
	t.Parallel()
	frame := responses.EncodeSocketError(model.Errorf(model.Invalid, "input", "Bad."), "lane")
	if gjson.GetBytes(frame, "status").Int() != 400 || gjson.GetBytes(frame, "error.message").Str != "Bad." || gjson.GetBytes(frame, "stream_id").Str != "lane" {
		t.Errorf("the frame is %s", frame)
	}
	var compacted sdk.CompactedResponse
	decodeSDK(t, responses.EncodeCompaction("resp_1", 7, []byte(`[{"type":"compaction","id":"cmp_1","encrypted_content":"x"}]`), model.Usage{Input: 2, Output: 1}), &compacted)
	if compacted.ID != "resp_1" || len(compacted.Output) != 1 || compacted.Output[0].AsCompaction().EncryptedContent != "x" || compacted.Usage.TotalTokens != 3 {
		t.Errorf("the compaction reads as %s", compacted.RawJSON())
	}
	var count sdk.InputTokenCountResponse
	decodeSDK(t, responses.EncodeInputTokens(5), &count)
	if count.InputTokens != 5 {
		t.Errorf("the count reads as %s", count.RawJSON())
	}
}
