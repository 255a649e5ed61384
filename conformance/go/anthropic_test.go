package sdks

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/bedrock"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const anthropicModule = "github.com/anthropics/anthropic-sdk-go"

// messages is a way for the Anthropic client to reach the server.
type messages struct {
	dialect string
	options func(t *testing.T) []option.RequestOption
	// stranger are the options of somebody without a key, denied the status.
	stranger func(t *testing.T) []option.RequestOption
	denied   int
	// types says that error types of the Messages API can be told.
	types bool
}

func (m messages) client(t *testing.T, more ...option.RequestOption) anthropic.Client {
	t.Helper()
	return anthropic.NewClient(append(append(m.options(t), option.WithMaxRetries(0)), more...)...)
}

func messageParams(prompt string, edit ...func(*anthropic.MessageNewParams)) anthropic.MessageNewParams {
	p := anthropic.MessageNewParams{
		Model: chatModel, MaxTokens: 2000,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(prompt))},
	}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func (m messages) ask(t *testing.T, prompt string, edit ...func(*anthropic.MessageNewParams)) (*anthropic.Message, error) {
	t.Helper()
	client := m.client(t)
	return client.Messages.New(t.Context(), messageParams(prompt, edit...))
}

// stream gathers a streamed message and the pieces of its text.
func (m messages) stream(t *testing.T, params anthropic.MessageNewParams) (all anthropic.Message, deltas []string, err error) {
	t.Helper()
	client := m.client(t)
	s := client.Messages.NewStreaming(t.Context(), params)
	for s.Next() {
		ev := s.Current()
		if err := all.Accumulate(ev); err != nil {
			t.Errorf("an event does not fit the ones before it: %v", err)
		}
		if d, ok := ev.AsAny().(anthropic.ContentBlockDeltaEvent); ok && d.Delta.Type == "text_delta" {
			deltas = append(deltas, d.Delta.Text)
		}
	}
	return all, deltas, s.Err()
}

func messageTools(p *anthropic.MessageNewParams) {
	tool := anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{
		Properties: weather()["properties"], Required: []string{"city"},
	}, "get_weather")
	tool.OfTool.Description = anthropic.String("The weather in a city.")
	p.Tools = []anthropic.ToolUnionParam{tool}
}

func messageText(m *anthropic.Message) string {
	var b strings.Builder
	for _, block := range m.Content {
		if block.Type == "text" {
			b.WriteString(block.Text)
		}
	}
	return b.String()
}

// uses lists a message's tool calls and their cities.
func uses(t *testing.T, m *anthropic.Message) (calls []anthropic.ToolUseBlock, where []string) {
	t.Helper()
	for _, block := range m.Content {
		if use, ok := block.AsAny().(anthropic.ToolUseBlock); ok {
			equal(t, "the tool", use.Name, "get_weather")
			calls = append(calls, use)
			where = append(where, cities(t, string(use.Input))...)
		}
	}
	return calls, where
}

// refused checks that err is the SDK's, with a status and, where types can be
// told, one.
func (m messages) refused(t *testing.T, err error, status int, kind anthropic.ErrorType) *anthropic.Error {
	t.Helper()
	var e *anthropic.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	equal(t, "the status", e.StatusCode, status)
	if m.types {
		equal(t, "the type", e.Type(), kind)
	}
	return e
}

func (m messages) cases() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"text": m.text, "multi-turn": m.turns, "streaming": m.streaming, "tools": m.tools, "parallel tools": m.parallel,
		"streaming tools": m.streamingTools, "structured output": m.structured, "images": m.images, "reasoning": m.reasoning,
		"model names": m.names, "other upstreams": m.others, "wrong key": m.wrongKey, "unknown model": m.unknownModel,
		"malformed request": m.malformed, "oversized request": m.oversized, "unsupported feature": m.unsupported,
		"rate limit": m.rateLimit, "failure in mid-stream": m.midStream, "cancellation": m.cancellation,
	}
}

func TestAnthropic(t *testing.T) {
	t.Parallel()
	way := func(key string) []option.RequestOption {
		return []option.RequestOption{option.WithBaseURL(serverURL(t) + "/anthropic/"), option.WithAPIKey(key)}
	}
	m := messages{
		dialect:  "anthropic.messages",
		options:  func(t *testing.T) []option.RequestOption { return way(apiKey(t)) },
		stranger: func(*testing.T) []option.RequestOption { return way("wrong") }, denied: http.StatusUnauthorized, types: true,
	}
	s := newSuite(t, "anthropic-sdk-go", anthropicModule)
	s.absent(t, "embeddings", "the Messages API has none")
	cases := m.cases()
	cases["token counting"], cases["models"] = m.counting, m.models
	s.run(t, cases)
}

func TestAnthropicOnBedrock(t *testing.T) {
	t.Parallel()
	way := func(secret string) []option.RequestOption {
		return []option.RequestOption{bedrock.WithConfig(aws.Config{
			Region:      "us-east-1",
			Credentials: credentials.NewStaticCredentialsProvider(setting(t, "CRATON_ACCESS_KEY_ID"), secret, ""),
		}), option.WithBaseURL(serverURL(t))}
	}
	m := messages{
		dialect:  "bedrock.invoke",
		options:  func(t *testing.T) []option.RequestOption { return way(setting(t, "CRATON_SECRET_ACCESS_KEY")) },
		stranger: func(*testing.T) []option.RequestOption { return way("wrong") }, denied: http.StatusForbidden,
	}
	s := newSuite(t, "anthropic-sdk-go, Bedrock", anthropicModule)
	s.absent(t, "embeddings", "the Messages API has none")
	s.absent(t, "token counting", "the client's Bedrock option has no path for it")
	s.absent(t, "models", "bedrock-runtime has no operation for it")
	s.run(t, m.cases())
}

func (m messages) text(t *testing.T) {
	answer := must[*anthropic.Message](t)(m.ask(t, "Say hello there"))
	equal(t, "the text", messageText(answer), "hello there")
	equal(t, "the reason", answer.StopReason, anthropic.StopReasonEndTurn)
	equal(t, "the usage", []int64{answer.Usage.InputTokens, answer.Usage.OutputTokens}, []int64{3, 2})
}

func (m messages) turns(t *testing.T) {
	first := must[*anthropic.Message](t)(m.ask(t, "My name is Ada."))
	second := must[*anthropic.Message](t)(m.ask(t, "My name is Ada.", func(p *anthropic.MessageNewParams) {
		p.System = []anthropic.TextBlockParam{{Text: "Be brief."}}
		p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(anthropic.NewTextBlock("What is my name?")))
	}))
	equal(t, "the text", messageText(second), "Your name is Ada.")
}

func (m messages) streaming(t *testing.T) {
	all, deltas, err := m.stream(t, messageParams("Count to 5"))
	if err != nil {
		t.Fatal(err)
	}
	counted(t, deltas)
	equal(t, "the accumulated text", messageText(&all), "1, 2, 3, 4, 5")
	equal(t, "the reason", all.StopReason, anthropic.StopReasonEndTurn)
	equal(t, "the usage", all.Usage.OutputTokens, int64(5))
}

func (m messages) tools(t *testing.T) {
	const prompt = "How is the weather in Paris?"
	first := must[*anthropic.Message](t)(m.ask(t, prompt, messageTools))
	calls, where := uses(t, first)
	equal(t, "the cities", where, []string{"Paris"})
	equal(t, "the reason", first.StopReason, anthropic.StopReasonToolUse)
	second := must[*anthropic.Message](t)(m.ask(t, prompt, messageTools, func(p *anthropic.MessageNewParams) {
		p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(calls[0].ID, "sunny", false)))
	}))
	equal(t, "the text", messageText(second), "The tools answered: sunny")
}

func (m messages) parallel(t *testing.T) {
	const prompt = "How is the weather in Paris and London?"
	first := must[*anthropic.Message](t)(m.ask(t, prompt, messageTools))
	calls, where := uses(t, first)
	equal(t, "the cities", where, []string{"Paris", "London"})
	second := must[*anthropic.Message](t)(m.ask(t, prompt, messageTools, func(p *anthropic.MessageNewParams) {
		p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(
			anthropic.NewToolResultBlock(calls[0].ID, "sun", false), anthropic.NewToolResultBlock(calls[1].ID, "no data", true)))
	}))
	equal(t, "the text", messageText(second), "The tools answered: sun; error: no data")
}

func (m messages) streamingTools(t *testing.T) {
	all, _, err := m.stream(t, messageParams("How is the weather in Oslo and Rome?", messageTools))
	if err != nil {
		t.Fatal(err)
	}
	_, where := uses(t, &all)
	equal(t, "the cities", where, []string{"Oslo", "Rome"})
	equal(t, "the reason", all.StopReason, anthropic.StopReasonToolUse)
}

func (m messages) structured(t *testing.T) {
	answer := must[*anthropic.Message](t)(m.ask(t, "A person, name: Ada, 36 years old", func(p *anthropic.MessageNewParams) {
		p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: person()}
	}))
	aPerson(t, messageText(answer))
}

func (m messages) images(t *testing.T) {
	answer := must[*anthropic.Message](t)(m.ask(t, "What is this?", func(p *anthropic.MessageNewParams) {
		p.Messages[0].Content = append(p.Messages[0].Content, anthropic.NewImageBlockBase64("image/png", dot))
	}))
	equal(t, "the text", messageText(answer), seen())
}

func (m messages) reasoning(t *testing.T) {
	think := func(p *anthropic.MessageNewParams) { p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024) }
	first, _, err := m.stream(t, messageParams("Think about it", think))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the thinking", first.Content[0].Thinking, "I was asked: Think about it")
	if first.Content[0].Signature == "" {
		t.Error("the thinking has no signature")
	}
	next := func(p *anthropic.MessageNewParams) {
		p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(anthropic.NewTextBlock("Say on")))
	}
	second := must[*anthropic.Message](t)(m.ask(t, "Think about it", think, next))
	equal(t, "the text", messageText(second), "on")
	_, err = m.ask(t, "Think about it", think, next, func(p *anthropic.MessageNewParams) {
		p.Messages[1].Content[0].OfThinking.Thinking = "something else"
	})
	m.refused(t, err, http.StatusBadRequest, anthropic.ErrorTypeInvalidRequestError)
}

func (m messages) counting(t *testing.T) {
	client := m.client(t)
	count := must[*anthropic.MessageTokensCount](t)(client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
		Model: chatModel, Messages: messageParams("one two three").Messages,
	}))
	equal(t, "the count", count.InputTokens, int64(3))
}

func (m messages) models(t *testing.T) {
	client := m.client(t)
	found := map[string]bool{}
	pages := client.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{Limit: anthropic.Int(1)})
	for pages.Next() {
		found[pages.Current().ID] = true
	}
	if err := pages.Err(); err != nil || !found[chatModel] || !found[embedModel] {
		t.Errorf("models are %v, %v", found, err)
	}
	one := must[*anthropic.ModelInfo](t)(client.Models.Get(t.Context(), chatModel, anthropic.ModelGetParams{}))
	equal(t, "the id", one.ID, chatModel)
	_, err := client.Models.Get(t.Context(), "none", anthropic.ModelGetParams{})
	m.refused(t, err, http.StatusNotFound, anthropic.ErrorTypeNotFoundError)
}

func (m messages) names(t *testing.T) {
	for _, name := range names {
		answer := must[*anthropic.Message](t)(m.ask(t, "Say yes", func(p *anthropic.MessageNewParams) { p.Model = name }))
		equal(t, name, messageText(answer), "yes")
	}
	_, err := m.ask(t, "hi", func(p *anthropic.MessageNewParams) { p.Model = twoHave })
	var e *anthropic.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v", twoHave, err)
	}
	contains(t, e.RawJSON(), "viaopenai/"+twoHave)
}

func (m messages) others(t *testing.T) {
	for _, name := range others {
		of := func(p *anthropic.MessageNewParams) { p.Model = name }
		_, deltas, err := m.stream(t, messageParams("Count to 5", of))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		counted(t, deltas)
		called := must[*anthropic.Message](t)(m.ask(t, "How is the weather in Paris and London?", messageTools, of))
		_, where := uses(t, called)
		equal(t, name, where, []string{"Paris", "London"})
	}
}

func (m messages) wrongKey(t *testing.T) {
	client := anthropic.NewClient(append(m.stranger(t), option.WithMaxRetries(0))...)
	_, err := client.Messages.New(t.Context(), messageParams("hi"))
	m.refused(t, err, m.denied, anthropic.ErrorTypeAuthenticationError)
}

func (m messages) unknownModel(t *testing.T) {
	_, err := m.ask(t, "hi", func(p *anthropic.MessageNewParams) { p.Model = "script/none" })
	status := http.StatusNotFound
	if !m.types {
		status = http.StatusBadRequest // Bedrock's word for it is ValidationException
	}
	contains(t, m.refused(t, err, status, anthropic.ErrorTypeNotFoundError).RawJSON(), "script/none")
}

func (m messages) malformed(t *testing.T) {
	_, err := m.ask(t, "hi", func(p *anthropic.MessageNewParams) { p.Messages[0].Role = "somebody" })
	contains(t, m.refused(t, err, http.StatusBadRequest, anthropic.ErrorTypeInvalidRequestError).RawJSON(), "role")
}

func (m messages) oversized(t *testing.T) {
	_, err := m.ask(t, tooLarge())
	var e *anthropic.Error
	if !errors.As(err, &e) || e.StatusCode != http.StatusRequestEntityTooLarge && (m.types || e.StatusCode != http.StatusBadRequest) {
		t.Errorf("the error is %v", err)
	}
}

func (m messages) unsupported(t *testing.T) {
	_, err := m.ask(t, "hi", func(p *anthropic.MessageNewParams) {
		p.Tools = []anthropic.ToolUnionParam{{OfWebSearchTool20250305: &anthropic.WebSearchTool20250305Param{}}}
	})
	contains(t, m.refused(t, err, http.StatusBadRequest, anthropic.ErrorTypeInvalidRequestError).RawJSON(), "web_search")
}

func (m messages) rateLimit(t *testing.T) {
	_, err := m.ask(t, "fail 429")
	e := m.refused(t, err, http.StatusTooManyRequests, anthropic.ErrorTypeRateLimitError)
	equal(t, "the hint", e.Response.Header.Get("Retry-After"), "1")
}

func (m messages) midStream(t *testing.T) {
	_, deltas, err := m.stream(t, messageParams("fail 500 after 3"))
	if err == nil {
		t.Fatal("the stream ended as if whole")
	}
	contains(t, err.Error(), "asked to fail: 500")
	equal(t, "the text", strings.Join(deltas, ""), "word1 word2 word3")
}

func (m messages) cancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := m.client(t)
	tag := newTag()
	s := client.Messages.NewStreaming(ctx, messageParams("slow 500"), option.WithHeader(tagHeader, tag))
	for n := 0; n < 7 && s.Next(); n++ {
	}
	cancel()
	for s.Next() {
	}
	if s.Err() == nil {
		t.Error("the stream ended as if whole")
	}
	abandoned(t, tag, m.dialect)
}
