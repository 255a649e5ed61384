package sdks

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

const bedrockModule = "github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

// runtime is a way for the Bedrock client to reach the server.
type runtime struct {
	client func(t *testing.T, edit ...func(*bedrockruntime.Options)) *bedrockruntime.Client
	// stranger makes a client's credentials wrong.
	stranger func(*bedrockruntime.Options)
}

// wholeBody keeps net/http from calling WriteTo on the SDK's request body.
// smithy-go v1.28 closes that body when the head of the answer has come, and
// its WriteTo then answers io.EOF, for which net/http drops the connection in
// the middle of the answer. A server on the same machine is quick enough to
// meet that now and then.
type wholeBody struct{ http.RoundTripper }

func (w wholeBody) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return w.RoundTripper.RoundTrip(req)
}

func signed(t *testing.T) runtime {
	key := func(secret string) aws.CredentialsProvider {
		return credentials.NewStaticCredentialsProvider(setting(t, "CRATON_ACCESS_KEY_ID"), secret, "")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return runtime{
		client: func(t *testing.T, edit ...func(*bedrockruntime.Options)) *bedrockruntime.Client {
			return bedrockruntime.New(bedrockruntime.Options{
				Region: "us-east-1", BaseEndpoint: aws.String(serverURL(t)), RetryMaxAttempts: 1,
				Credentials: key(setting(t, "CRATON_SECRET_ACCESS_KEY")), HTTPClient: &http.Client{Transport: wholeBody{transport}},
			}, edit...)
		},
		stranger: func(o *bedrockruntime.Options) { o.Credentials = key("wrong") },
	}
}

func TestBedrock(t *testing.T) {
	t.Parallel()
	r := signed(t)
	s := newSuite(t, "aws-sdk-go-v2 bedrockruntime", bedrockModule)
	s.absent(t, "models", "bedrock-runtime has no operation for it")
	cases := r.cases()
	cases["InvokeModel"], cases["InvokeModelWithResponseStream"] = r.invoke, r.invokeStream
	cases["an async invocation runs to its end"] = r.async
	cases["a bearer key over TLS"] = func(t *testing.T) { overTLS(t).all(t) }
	s.run(t, cases)
}

func (r runtime) cases() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"text": r.text, "multi-turn": r.turns, "streaming": r.streaming, "tools": r.tools, "parallel tools": r.parallel,
		"streaming tools": r.streamingTools, "structured output": r.structured, "images": r.images, "reasoning": r.reasoning,
		"token counting": r.counting, "embeddings": r.embeddings, "model names": r.names, "other upstreams": r.others,
		"wrong key": r.wrongKey, "unknown model": r.unknownModel, "malformed request": r.malformed,
		"oversized request": r.oversized, "unsupported feature": r.unsupported, "rate limit": r.rateLimit,
		"failure in mid-stream": r.midStream, "cancellation": r.cancellation,
	}
}

func userTurn(blocks ...types.ContentBlock) types.Message {
	return types.Message{Role: types.ConversationRoleUser, Content: blocks}
}

func said(text string) types.ContentBlock { return &types.ContentBlockMemberText{Value: text} }

func converseInput(prompt string, edit ...func(*bedrockruntime.ConverseInput)) *bedrockruntime.ConverseInput {
	in := &bedrockruntime.ConverseInput{ModelId: aws.String(chatModel), Messages: []types.Message{userTurn(said(prompt))}}
	for _, e := range edit {
		e(in)
	}
	return in
}

func (r runtime) ask(t *testing.T, prompt string, edit ...func(*bedrockruntime.ConverseInput)) (*bedrockruntime.ConverseOutput, error) {
	t.Helper()
	return r.client(t).Converse(t.Context(), converseInput(prompt, edit...))
}

// answered returns the message of an answer.
func answered(t *testing.T, out *bedrockruntime.ConverseOutput) types.Message {
	t.Helper()
	m, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok {
		t.Fatalf("the output is %T", out.Output)
	}
	return m.Value
}

func spoken(t *testing.T, out *bedrockruntime.ConverseOutput) string {
	t.Helper()
	var b strings.Builder
	for _, block := range answered(t, out).Content {
		if text, ok := block.(*types.ContentBlockMemberText); ok {
			b.WriteString(text.Value)
		}
	}
	return b.String()
}

func runtimeTools(in *bedrockruntime.ConverseInput) {
	in.ToolConfig = &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
		Name: aws.String("get_weather"), Description: aws.String("The weather in a city."),
		InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(weather())},
	}}}}
}

// toolUses lists an answer's calls and their cities.
func toolUses(t *testing.T, out *bedrockruntime.ConverseOutput) (ids, where []string) {
	t.Helper()
	for _, block := range answered(t, out).Content {
		if use, ok := block.(*types.ContentBlockMemberToolUse); ok {
			equal(t, "the tool", *use.Value.Name, "get_weather")
			var input struct {
				City string `document:"city"`
			}
			if err := use.Value.Input.UnmarshalSmithyDocument(&input); err != nil {
				t.Error(err)
			}
			ids, where = append(ids, *use.Value.ToolUseId), append(where, input.City)
		}
	}
	return ids, where
}

func toolResult(id, text string, status types.ToolResultStatus) types.ContentBlock {
	return &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
		ToolUseId: aws.String(id), Status: status, Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: text}},
	}}
}

// told is what came of a ConverseStream.
type told struct {
	deltas, thoughts []string
	tools            []string
	arguments        map[int32]string
	stop             types.StopReason
	usage            *types.TokenUsage
}

func (r runtime) stream(t *testing.T, in *bedrockruntime.ConverseInput) (told, error) {
	t.Helper()
	out, err := r.client(t).ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{
		ModelId: in.ModelId, Messages: in.Messages, ToolConfig: in.ToolConfig, AdditionalModelRequestFields: in.AdditionalModelRequestFields,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := out.GetStream()
	defer s.Close()
	got := told{arguments: map[int32]string{}}
	for event := range s.Events() {
		got.hear(event)
	}
	return got, s.Err()
}

func (g *told) hear(event types.ConverseStreamOutput) {
	switch v := event.(type) {
	case *types.ConverseStreamOutputMemberContentBlockStart:
		if use, ok := v.Value.Start.(*types.ContentBlockStartMemberToolUse); ok {
			g.tools = append(g.tools, *use.Value.Name)
		}
	case *types.ConverseStreamOutputMemberContentBlockDelta:
		switch d := v.Value.Delta.(type) {
		case *types.ContentBlockDeltaMemberText:
			g.deltas = append(g.deltas, d.Value)
		case *types.ContentBlockDeltaMemberToolUse:
			g.arguments[*v.Value.ContentBlockIndex] += *d.Value.Input
		case *types.ContentBlockDeltaMemberReasoningContent:
			if text, ok := d.Value.(*types.ReasoningContentBlockDeltaMemberText); ok {
				g.thoughts = append(g.thoughts, text.Value)
			}
		}
	case *types.ConverseStreamOutputMemberMessageStop:
		g.stop = v.Value.StopReason
	case *types.ConverseStreamOutputMemberMetadata:
		g.usage = v.Value.Usage
	}
}

func (r runtime) text(t *testing.T) {
	out := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "Say hello there", func(in *bedrockruntime.ConverseInput) {
		in.System = []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: "Be brief."}}
		in.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(100), Temperature: aws.Float32(0)}
	}))
	equal(t, "the text", spoken(t, out), "hello there")
	equal(t, "the reason", out.StopReason, types.StopReasonEndTurn)
	equal(t, "the usage", []int32{*out.Usage.InputTokens, *out.Usage.OutputTokens, *out.Usage.TotalTokens}, []int32{5, 2, 7})
}

func (r runtime) turns(t *testing.T) {
	first := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "My name is Ada."))
	second := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "My name is Ada.", func(in *bedrockruntime.ConverseInput) {
		in.Messages = append(in.Messages, answered(t, first), userTurn(said("What is my name?")))
	}))
	equal(t, "the text", spoken(t, second), "Your name is Ada.")
}

func (r runtime) streaming(t *testing.T) {
	got, err := r.stream(t, converseInput("Count to 5"))
	if err != nil {
		t.Fatal(err)
	}
	counted(t, got.deltas)
	equal(t, "the reason", got.stop, types.StopReasonEndTurn)
	equal(t, "the usage", []int32{*got.usage.InputTokens, *got.usage.OutputTokens}, []int32{3, 5})
}

func (r runtime) tools(t *testing.T) {
	const prompt = "How is the weather in Paris?"
	first := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, prompt, runtimeTools))
	ids, where := toolUses(t, first)
	equal(t, "the cities", where, []string{"Paris"})
	equal(t, "the reason", first.StopReason, types.StopReasonToolUse)
	second := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, prompt, runtimeTools, func(in *bedrockruntime.ConverseInput) {
		in.Messages = append(in.Messages, answered(t, first), userTurn(toolResult(ids[0], "sunny", "")))
	}))
	equal(t, "the text", spoken(t, second), "The tools answered: sunny")
}

func (r runtime) parallel(t *testing.T) {
	const prompt = "How is the weather in Paris and London?"
	first := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, prompt, runtimeTools))
	ids, where := toolUses(t, first)
	equal(t, "the cities", where, []string{"Paris", "London"})
	second := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, prompt, runtimeTools, func(in *bedrockruntime.ConverseInput) {
		in.Messages = append(in.Messages, answered(t, first), userTurn(
			toolResult(ids[0], "sun", types.ToolResultStatusSuccess), toolResult(ids[1], "no data", types.ToolResultStatusError)))
	}))
	equal(t, "the text", spoken(t, second), "The tools answered: sun; error: no data")
}

func (r runtime) streamingTools(t *testing.T) {
	got, err := r.stream(t, converseInput("How is the weather in Oslo and Rome?", runtimeTools))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the tools", got.tools, []string{"get_weather", "get_weather"})
	equal(t, "the cities", cities(t, got.arguments[0], got.arguments[1]), []string{"Oslo", "Rome"})
	equal(t, "the reason", got.stop, types.StopReasonToolUse)
}

func (r runtime) structured(t *testing.T) {
	schema := must[[]byte](t)(json.Marshal(person()))
	out := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "A person, name: Ada, 36 years old", func(in *bedrockruntime.ConverseInput) {
		in.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{
			Type: types.OutputFormatTypeJsonSchema, Structure: &types.OutputFormatStructureMemberJsonSchema{
				Value: types.JsonSchemaDefinition{Name: aws.String("person"), Schema: aws.String(string(schema))},
			},
		}}
	}))
	aPerson(t, spoken(t, out))
}

func (r runtime) images(t *testing.T) {
	out := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "What is this?", func(in *bedrockruntime.ConverseInput) {
		in.Messages[0].Content = append(in.Messages[0].Content, &types.ContentBlockMemberImage{Value: types.ImageBlock{
			Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: dotBytes()},
		}})
	}))
	equal(t, "the text", spoken(t, out), seen())
}

func (r runtime) reasoning(t *testing.T) {
	think := func(in *bedrockruntime.ConverseInput) {
		in.AdditionalModelRequestFields = document.NewLazyDocument(map[string]any{
			"thinking": map[string]any{"type": "enabled", "budget_tokens": 1024},
		})
	}
	first := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "Think about it", think))
	block, ok := answered(t, first).Content[0].(*types.ContentBlockMemberReasoningContent)
	if !ok {
		t.Fatalf("the first block is %T", answered(t, first).Content[0])
	}
	thought := block.Value.(*types.ReasoningContentBlockMemberReasoningText).Value
	equal(t, "the thinking", *thought.Text, "I was asked: Think about it")
	if aws.ToString(thought.Signature) == "" {
		t.Error("the thinking has no signature")
	}
	second := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "Think about it", think, func(in *bedrockruntime.ConverseInput) {
		in.Messages = append(in.Messages, answered(t, first), userTurn(said("Say on")))
	}))
	equal(t, "the text", spoken(t, second), "on")
	got, err := r.stream(t, converseInput("Think about it", think))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the streamed thinking", strings.Join(got.thoughts, ""), *thought.Text)
}
