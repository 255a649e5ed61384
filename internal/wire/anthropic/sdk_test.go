package anthropic_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/ssestream"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/rogpeppe/go-internal/txtar"
)

func goldenInput(t *testing.T, path string) []byte {
	data, err := os.ReadFile("testdata/" + path + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	return txtar.Parse(data).Files[0].Data
}

// TestSDKReadsTheStream lets the vendor's own client accumulate a re-encoded
// stream and compares it with what the same client makes of the original.
func TestSDKReadsTheStream(t *testing.T) {
	t.Parallel()
	in := goldenInput(t, "stream/everything")
	events, err := golden.Drain(anthropic.DecodeEvents(golden.Split(in, 11)))
	if err != nil {
		t.Fatal(err)
	}
	want, got := accumulate(t, in), accumulate(t, encodeStream(t, events, nil))
	if len(got.Content) != len(want.Content) || len(got.Content) != 7 {
		t.Fatalf("%d blocks, the original has %d", len(got.Content), len(want.Content))
	}
	for i := range want.Content {
		w, g := want.Content[i], got.Content[i]
		if w.Type != g.Type || w.Text != g.Text || w.Thinking != g.Thinking || w.Signature != g.Signature ||
			w.Data != g.Data || w.ID != g.ID || w.Name != g.Name || string(w.Input) != string(g.Input) || len(w.Citations) != len(g.Citations) {
			t.Errorf("block %d is %s, the original %s", i, g.RawJSON(), w.RawJSON())
		}
	}
	if got.StopReason != want.StopReason || got.Usage.InputTokens != 11 || got.Usage.OutputTokens != 42 ||
		got.Usage.CacheReadInputTokens != 3 || got.Usage.CacheCreationInputTokens != 7 ||
		got.Usage.ServerToolUse.WebSearchRequests != 1 || got.Container.ID != "cont_1" {
		t.Errorf("the message ends as %s with %+v", got.StopReason, got.Usage)
	}
}

func accumulate(t *testing.T, body []byte) sdk.Message {
	res := &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(body))}
	stream := ssestream.NewStream[sdk.MessageStreamEventUnion](ssestream.NewDecoder(res), nil)
	defer stream.Close()
	var msg sdk.Message
	for stream.Next() {
		if err := msg.Accumulate(stream.Current()); err != nil {
			t.Fatalf("the SDK refuses the stream: %v", err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatalf("the SDK ends the stream: %v", err)
	}
	return msg
}

// TestSDKReadsTheAnswers decodes the other bodies with the SDK's types.
func TestSDKReadsTheAnswers(t *testing.T) {
	t.Parallel()
	body, _, err := anthropic.EncodeResponse(&model.Response{
		ID: "msg_1", Model: "m", Usage: model.Usage{Input: 5, CacheWrite1h: 2, Output: 3, Reasoning: 1},
		Choices: []model.Choice{{Stop: model.StopSequence, StopSequence: "END", Message: model.AssistantText("hi")}},
	}, anthropic.ResponseOptions{Model: "shown"})
	if err != nil {
		t.Fatal(err)
	}
	var msg sdk.Message
	decodeSDK(t, body, &msg)
	if msg.Model != "shown" || msg.Content[0].AsText().Text != "hi" || msg.StopReason != sdk.StopReasonStopSequence ||
		msg.StopSequence != "END" || msg.Usage.CacheCreation.Ephemeral1hInputTokens != 2 || msg.Usage.OutputTokensDetails.ThinkingTokens != 1 {
		t.Errorf("message reads as %s", body)
	}
	var count sdk.MessageTokensCount
	decodeSDK(t, anthropic.EncodeCount(77), &count)
	if count.InputTokens != 77 {
		t.Errorf("count reads as %d", count.InputTokens)
	}
	var info sdk.ModelInfo
	decodeSDK(t, anthropic.EncodeModel(&model.Card{ID: "m", Created: 1700000000, ContextTokens: 9}), &info)
	if info.ID != "m" || info.DisplayName != "m" || info.CreatedAt.Unix() != 1700000000 || info.MaxInputTokens != 9 {
		t.Errorf("model reads as %+v", info)
	}
}

func decodeSDK(t *testing.T, body []byte, into any) {
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("the SDK refuses %s: %v", body, err)
	}
}

// TestSDKRequestIsRead decodes a request made by the SDK.
func TestSDKRequestIsRead(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(sdk.MessageNewParams{
		MaxTokens: 100, Model: "claude",
		System: []sdk.TextBlockParam{{Text: "Be brief.", CacheControl: sdk.NewCacheControlEphemeralParam()}},
		Messages: []sdk.MessageParam{
			sdk.NewUserMessage(sdk.NewTextBlock("hi"), sdk.NewImageBlockBase64("image/png", "aGk=")),
			sdk.NewAssistantMessage(sdk.NewThinkingBlock("sig", "hm"), sdk.NewToolUseBlock("toolu_1", map[string]any{"a": 1}, "get")),
			sdk.NewUserMessage(sdk.NewToolResultBlock("toolu_1", "one", false)),
		},
		Tools:    []sdk.ToolUnionParam{{OfTool: &sdk.ToolParam{Name: "get", InputSchema: sdk.ToolInputSchemaParam{Properties: map[string]any{}}}}},
		Thinking: sdk.ThinkingConfigParamOfEnabled(2048),
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := anthropic.DecodeRequest(body)
	if err != nil {
		t.Fatalf("the SDK's request is refused: %v\n%s", err, body)
	}
	want := "system: Text CachePoint\nuser: Text Image\nassistant: Reasoning ToolCall\nuser: ToolResult\n"
	if got := string(golden.Shape(req.Messages)); got != want || req.Reasoning.BudgetTokens != 2048 || len(req.Tools) != 1 {
		t.Errorf("the SDK's request reads as\n%s", got)
	}
}
