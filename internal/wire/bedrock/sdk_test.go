package bedrock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
)

// transport answers the SDK's requests without a network.
type transport func(body []byte) (status int, contentType string, answer []byte)

func (f transport) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, typ, answer := f(body)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {typ}}, Body: io.NopCloser(bytes.NewReader(answer)), Request: r,
	}, nil
}

func client(f transport) *bedrockruntime.Client {
	keys := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
	}
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "eu-central-1", HTTPClient: f, Credentials: aws.CredentialsProviderFunc(keys), Retryer: aws.NopRetryer{},
	})
}

var answer = &model.Response{
	Choices: []model.Choice{{
		Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{
			&model.Reasoning{Text: "hm", Signature: "s"},
			&model.Text{Text: "Hello"},
			&model.ToolCall{ID: "tooluse_1", Name: "weather", Arguments: `{"city":"Bern"}`},
		}},
		Stop: model.StopToolUse,
	}},
	Usage: model.Usage{Input: 3, CacheWrite1h: 4, Output: 5},
}

// TestOfficialConverse sends a request made by the SDK through the decoder and
// lets the SDK read the answer.
func TestOfficialConverse(t *testing.T) {
	t.Parallel()
	var got *model.Request
	c := client(func(body []byte) (int, string, []byte) {
		req, err := bedrock.DecodeRequest(body)
		if err != nil {
			t.Error(err)
		}
		got = req
		out, _, err := bedrock.EncodeResponse(answer, bedrock.Options{})
		if err != nil {
			t.Error(err)
		}
		return 200, "application/json", out
	})
	out, err := c.Converse(context.Background(), &bedrockruntime.ConverseInput{
		ModelId: aws.String("m"),
		Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{
			&types.ContentBlockMemberText{Value: "Weather?"},
			&types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: []byte{1}}}},
		}}},
		ToolConfig: &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name:        aws.String("weather"),
			InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(map[string]any{"type": "object"})},
		}}}},
		InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(9)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Messages[0].Text() != "Weather?" || *got.MaxTokens != 9 || string(got.Tools[0].Schema) != `{"type":"object"}` {
		t.Errorf("decoded %+v", got)
	}
	msg := out.Output.(*types.ConverseOutputMemberMessage).Value
	use := msg.Content[2].(*types.ContentBlockMemberToolUse).Value
	var input map[string]string
	if err := use.Input.UnmarshalSmithyDocument(&input); err != nil || input["city"] != "Bern" || *use.ToolUseId != "tooluse_1" {
		t.Errorf("tool use %+v %v %v", use, input, err)
	}
	if out.StopReason != types.StopReasonToolUse || *out.Usage.TotalTokens != 12 || *out.Usage.CacheWriteInputTokens != 4 {
		t.Errorf("stop %s, usage %+v", out.StopReason, out.Usage)
	}
}

// stream lets the SDK read the frames of an answer.
func stream(t *testing.T, frames []byte) (events []types.ConverseStreamOutput, err error) {
	t.Helper()
	out, err := client(func([]byte) (int, string, []byte) { return 200, frame.ContentType, frames }).
		ConverseStream(context.Background(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("m")})
	if err != nil {
		t.Fatal(err)
	}
	s := out.GetStream()
	defer s.Close()
	for ev := range s.Events() {
		events = append(events, ev)
	}
	return events, s.Err()
}

func TestOfficialConverseStream(t *testing.T) {
	t.Parallel()
	enc := bedrock.NewEncoder(bedrock.Options{})
	var frames []byte
	var err error
	for _, ev := range model.ExplodeResponse(answer) {
		if frames, err = enc.Append(frames, ev); err != nil {
			t.Fatal(err)
		}
	}
	events, err := stream(t, enc.Finish(frames))
	if err != nil {
		t.Fatal(err)
	}
	var text, args string
	var usage *types.TokenUsage
	for _, ev := range events {
		switch ev := ev.(type) {
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := ev.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				text += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				args += *d.Value.Input
			}
		case *types.ConverseStreamOutputMemberMetadata:
			usage = ev.Value.Usage
		case *types.UnknownUnionMember:
			t.Errorf("the SDK does not know %s", ev.Tag)
		}
	}
	if text != "Hello" || args != `{"city":"Bern"}` || usage == nil || *usage.TotalTokens != 12 {
		t.Errorf("text %q, arguments %q, usage %+v", text, args, usage)
	}
}

func TestOfficialErrors(t *testing.T) {
	t.Parallel()
	status, body := bedrock.EncodeError(&model.Error{Kind: model.NotReady, Message: "Loading."})
	_, err := client(func([]byte) (int, string, []byte) { return status, "application/json", body }).
		Converse(context.Background(), &bedrockruntime.ConverseInput{ModelId: aws.String("m")})
	var notReady *types.ModelNotReadyException
	if !errors.As(err, &notReady) || notReady.ErrorMessage() != "Loading." {
		t.Errorf("got %v", err)
	}
	enc := bedrock.NewEncoder(bedrock.Options{})
	frames, err := enc.Append(nil, model.Event{Kind: model.EventStart})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream(t, enc.AppendError(frames, &model.Error{Kind: model.UpstreamGarbage, Message: "Cut.", UpstreamStatus: 500}))
	var broken *types.ModelStreamErrorException
	if !errors.As(err, &broken) || broken.ErrorMessage() != "Cut." || *broken.OriginalStatusCode != 500 {
		t.Errorf("got %v", err)
	}
}
