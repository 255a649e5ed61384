package sdks

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

const openAIModule = "github.com/openai/openai-go/v3"

func openAI(t *testing.T, opts ...option.RequestOption) openai.Client {
	t.Helper()
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(serverURL(t) + "/v1/"), option.WithAPIKey(apiKey(t)), option.WithMaxRetries(0),
	}, opts...)...)
}

// chat asks the script model; edit may change the request.
func chat(t *testing.T, prompt string, edit ...func(*openai.ChatCompletionNewParams)) (*openai.ChatCompletion, error) {
	t.Helper()
	client := openAI(t)
	return client.Chat.Completions.New(t.Context(), chatParams(prompt, edit...))
}

func chatParams(prompt string, edit ...func(*openai.ChatCompletionNewParams)) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model: chatModel, MaxCompletionTokens: openai.Int(2000),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
	}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func chatTools(p *openai.ChatCompletionNewParams) {
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "get_weather", Description: openai.String("The weather in a city."), Parameters: weather(), Strict: openai.Bool(true),
	})}
}

func chatText(t *testing.T, answer *openai.ChatCompletion) string {
	t.Helper()
	if len(answer.Choices) != 1 {
		t.Fatalf("%d choices, want 1", len(answer.Choices))
	}
	return answer.Choices[0].Message.Content
}

// openAIError returns the SDK's error, which must have the status.
func openAIError(t *testing.T, err error, status int) *openai.Error {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	equal(t, "the status", e.StatusCode, status)
	return e
}

func TestOpenAI(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "openai-go", openAIModule)
	s.absent(t, "token counting", "Chat Completions has no operation for it")
	s.run(t, map[string]func(*testing.T){
		"text": openAIText, "multi-turn": openAITurns, "streaming": openAIStreaming,
		"tools": openAITools, "parallel tools": openAIParallel, "streaming tools": openAIStreamingTools,
		"structured output": openAIStructured, "images": openAIImages, "reasoning": openAIReasoning,
		"embeddings": openAIEmbeddings, "models": openAIModels, "model names": openAINames, "other upstreams": openAIOthers,
		"wrong key": openAIWrongKey, "unknown model": openAIUnknownModel, "malformed request": openAIMalformed,
		"oversized request": openAIOversized, "unsupported feature": openAIUnsupported, "rate limit": openAIRateLimit,
		"failure in mid-stream": openAIMidStream, "cancellation": openAICancellation,
	})
}

func openAIText(t *testing.T) {
	answer := must[*openai.ChatCompletion](t)(chat(t, "Say hello there"))
	equal(t, "the text", chatText(t, answer), "hello there")
	equal(t, "the reason", answer.Choices[0].FinishReason, "stop")
	equal(t, "the usage", []int64{answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens}, []int64{3, 2, 5})
}

func openAITurns(t *testing.T) {
	first := must[*openai.ChatCompletion](t)(chat(t, "My name is Ada."))
	second := must[*openai.ChatCompletion](t)(chat(t, "My name is Ada.", func(p *openai.ChatCompletionNewParams) {
		p.Messages = append(p.Messages, first.Choices[0].Message.ToParam(), openai.UserMessage("What is my name?"))
	}))
	equal(t, "the text", chatText(t, second), "Your name is Ada.")
}

func openAIStreaming(t *testing.T) {
	client := openAI(t)
	stream := client.Chat.Completions.NewStreaming(t.Context(), chatParams("Count to 5", func(p *openai.ChatCompletionNewParams) {
		p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	}))
	var all openai.ChatCompletionAccumulator
	var deltas []string
	for stream.Next() {
		chunk := stream.Current()
		if !all.AddChunk(chunk) {
			t.Error("a chunk does not fit the ones before it")
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			deltas = append(deltas, chunk.Choices[0].Delta.Content)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	counted(t, deltas)
	equal(t, "the accumulated text", all.Choices[0].Message.Content, "1, 2, 3, 4, 5")
	equal(t, "the usage", []int64{all.Usage.PromptTokens, all.Usage.CompletionTokens}, []int64{3, 5})
}

// chatCities are the arguments of an answer's calls.
func chatCities(t *testing.T, answer *openai.ChatCompletion) []string {
	t.Helper()
	var arguments []string
	for _, call := range answer.Choices[0].Message.ToolCalls {
		equal(t, "the tool", call.Function.Name, "get_weather")
		arguments = append(arguments, call.Function.Arguments)
	}
	return cities(t, arguments...)
}

func openAITools(t *testing.T) {
	const prompt = "How is the weather in Paris?"
	first := must[*openai.ChatCompletion](t)(chat(t, prompt, chatTools))
	equal(t, "the reason", first.Choices[0].FinishReason, "tool_calls")
	equal(t, "the cities", chatCities(t, first), []string{"Paris"})
	message := first.Choices[0].Message
	second := must[*openai.ChatCompletion](t)(chat(t, prompt, chatTools, func(p *openai.ChatCompletionNewParams) {
		p.Messages = append(p.Messages, message.ToParam(), openai.ToolMessage("sunny", message.ToolCalls[0].ID))
	}))
	equal(t, "the text", chatText(t, second), "The tools answered: sunny")
}

func openAIParallel(t *testing.T) {
	const prompt = "How is the weather in Paris and London?"
	first := must[*openai.ChatCompletion](t)(chat(t, prompt, chatTools))
	equal(t, "the cities", chatCities(t, first), []string{"Paris", "London"})
	message := first.Choices[0].Message
	second := must[*openai.ChatCompletion](t)(chat(t, prompt, chatTools, func(p *openai.ChatCompletionNewParams) {
		p.Messages = append(p.Messages, message.ToParam(),
			openai.ToolMessage("sun", message.ToolCalls[0].ID), openai.ToolMessage("rain", message.ToolCalls[1].ID))
	}))
	equal(t, "the text", chatText(t, second), "The tools answered: sun; rain")
	single := must[*openai.ChatCompletion](t)(chat(t, prompt, chatTools, func(p *openai.ChatCompletionNewParams) {
		p.ParallelToolCalls = openai.Bool(false)
	}))
	equal(t, "calls one at a time", len(single.Choices[0].Message.ToolCalls), 1)
}

func openAIStreamingTools(t *testing.T) {
	client := openAI(t)
	stream := client.Chat.Completions.NewStreaming(t.Context(), chatParams("How is the weather in Oslo and Rome?", chatTools))
	var all openai.ChatCompletionAccumulator
	finished := 0
	for stream.Next() {
		all.AddChunk(stream.Current())
		if _, ok := all.JustFinishedToolCall(); ok {
			finished++
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	equal(t, "finished calls", finished, 2)
	equal(t, "the cities", chatCities(t, &all.ChatCompletion), []string{"Oslo", "Rome"})
	equal(t, "the reason", all.Choices[0].FinishReason, "tool_calls")
}

func openAIStructured(t *testing.T) {
	answer := must[*openai.ChatCompletion](t)(chat(t, "A person, name: Ada, 36 years old", func(p *openai.ChatCompletionNewParams) {
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: person(), Strict: openai.Bool(true)},
		}
	}))
	aPerson(t, chatText(t, answer))
}

func openAIImages(t *testing.T) {
	answer := must[*openai.ChatCompletion](t)(chat(t, "", func(p *openai.ChatCompletionNewParams) {
		p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
			openai.TextContentPart("What is this?"),
			openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + dot}),
		})}
	}))
	equal(t, "the text", chatText(t, answer), seen())
}

func openAIReasoning(t *testing.T) {
	answer := must[*openai.ChatCompletion](t)(chat(t, "Think about it", func(p *openai.ChatCompletionNewParams) {
		p.ReasoningEffort = shared.ReasoningEffortLow
	}))
	equal(t, "the text", chatText(t, answer), "You said: Think about it")
	if answer.Usage.CompletionTokensDetails.ReasoningTokens == 0 {
		t.Error("no reasoning tokens")
	}
}

func openAIEmbeddings(t *testing.T) {
	client := openAI(t)
	answer := must[*openai.CreateEmbeddingResponse](t)(client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: embedModel, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"red fox", "blue"}}, Dimensions: openai.Int(16),
	}))
	equal(t, "vectors", len(answer.Data), 2)
	equal(t, "dimensions", len(answer.Data[0].Embedding), 16)
	equal(t, "the usage", answer.Usage.PromptTokens, int64(3))
}

func openAIModels(t *testing.T) {
	client := openAI(t)
	found := map[string]bool{}
	pages := client.Models.ListAutoPaging(t.Context())
	for pages.Next() {
		found[pages.Current().ID] = true
	}
	if err := pages.Err(); err != nil || !found[chatModel] || !found[embedModel] {
		t.Errorf("models are %v, %v", found, err)
	}
	one := must[*openai.Model](t)(client.Models.Get(t.Context(), chatModel))
	equal(t, "the id", one.ID, chatModel)
	_, err := client.Models.Get(t.Context(), "none")
	openAIError(t, err, http.StatusNotFound)
}

func openAINames(t *testing.T) {
	for _, name := range names {
		answer := must[*openai.ChatCompletion](t)(chat(t, "Say yes", func(p *openai.ChatCompletionNewParams) { p.Model = name }))
		equal(t, name, chatText(t, answer), "yes")
	}
	_, err := chat(t, "hi", func(p *openai.ChatCompletionNewParams) { p.Model = twoHave })
	var e *openai.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v", twoHave, err)
	}
	contains(t, e.Message, "viaopenai/"+twoHave)
}

func openAIOthers(t *testing.T) {
	client := openAI(t)
	for _, name := range others {
		of := func(p *openai.ChatCompletionNewParams) { p.Model = name }
		stream := client.Chat.Completions.NewStreaming(t.Context(), chatParams("Count to 5", of))
		var text strings.Builder
		for stream.Next() {
			if c := stream.Current().Choices; len(c) > 0 {
				text.WriteString(c[0].Delta.Content)
			}
		}
		if err := stream.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name, text.String(), "1, 2, 3, 4, 5")
		called := must[*openai.ChatCompletion](t)(chat(t, "How is the weather in Paris and London?", chatTools, of))
		equal(t, name, chatCities(t, called), []string{"Paris", "London"})
	}
}

func openAIWrongKey(t *testing.T) {
	client := openAI(t, option.WithAPIKey("sk-wrong"))
	_, err := client.Chat.Completions.New(t.Context(), chatParams("hi"))
	equal(t, "the code", openAIError(t, err, http.StatusUnauthorized).Code, "invalid_api_key")
}

func openAIUnknownModel(t *testing.T) {
	_, err := chat(t, "hi", func(p *openai.ChatCompletionNewParams) { p.Model = "script/none" })
	e := openAIError(t, err, http.StatusNotFound)
	equal(t, "the code", e.Code, "model_not_found")
	contains(t, e.Message, "script/none")
}

func openAIMalformed(t *testing.T) {
	client := openAI(t)
	_, err := client.Chat.Completions.New(t.Context(), chatParams("hi"), option.WithJSONSet("temperature", "hot"))
	contains(t, openAIError(t, err, http.StatusBadRequest).Param, "temperature")
	_, err = client.Chat.Completions.New(t.Context(), chatParams("hi"), option.WithJSONSet("messages", "none"))
	contains(t, openAIError(t, err, http.StatusBadRequest).Param, "messages")
}

func openAIOversized(t *testing.T) {
	_, err := chat(t, tooLarge())
	equal(t, "the code", openAIError(t, err, http.StatusRequestEntityTooLarge).Code, "request_too_large")
}

func openAIUnsupported(t *testing.T) {
	_, err := chat(t, "hi", func(p *openai.ChatCompletionNewParams) {
		p.Modalities = []string{"text", "audio"}
		p.Audio = openai.ChatCompletionAudioParam{Format: "wav", Voice: openai.ChatCompletionAudioParamVoiceUnion{OfString: openai.String("alloy")}}
	})
	contains(t, openAIError(t, err, http.StatusBadRequest).Message, "speak")
}

func openAIRateLimit(t *testing.T) {
	_, err := chat(t, "fail 429")
	e := openAIError(t, err, http.StatusTooManyRequests)
	equal(t, "the hint", e.Response.Header.Get("Retry-After"), "1")
	equal(t, "the code", e.Code, "rate_limit_exceeded")
}

func openAIMidStream(t *testing.T) {
	client := openAI(t)
	stream := client.Chat.Completions.NewStreaming(t.Context(), chatParams("fail 500 after 3"))
	var text strings.Builder
	for stream.Next() {
		if c := stream.Current().Choices; len(c) > 0 {
			text.WriteString(c[0].Delta.Content)
		}
	}
	if err := stream.Err(); err == nil {
		t.Error("the stream ended as if whole")
	} else {
		contains(t, err.Error(), "asked to fail: 500")
	}
	equal(t, "the text", text.String(), "word1 word2 word3")
}

func openAICancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tag := newTag()
	client := openAI(t, option.WithHeader(tagHeader, tag))
	stream := client.Chat.Completions.NewStreaming(ctx, chatParams("slow 500"))
	for n := 0; n < 5 && stream.Next(); n++ {
	}
	cancel()
	for stream.Next() {
	}
	if err := stream.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("the stream ended with %v", err)
	}
	abandoned(t, tag, "openai.chat")
}
