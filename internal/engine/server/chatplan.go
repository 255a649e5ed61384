package server

import (
	"strings"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/go-json-experiment/json/jsontext"
)

// planChat turns a request into a prompt and the way to continue it.
func (a *api) planChat(e *engine, q *chatRequest) (plan, error) {
	var p plan
	if err := q.check(); err != nil {
		return p, err
	}
	conversation, err := q.conversation(a.options)
	if err != nil {
		return p, err
	}
	if p.prompt, p.parser.Thinking, err = e.render(conversation); err != nil {
		return p, err
	}
	if p.count, err = q.choices(); err != nil {
		return p, err
	}
	if p.sampling, err = q.params(e.defaults, e.info.Vocabulary, a.options.Seed); err != nil {
		return p, err
	}
	asked := q.MaxCompletionTokens
	if asked == nil {
		asked = q.MaxTokens
	}
	if p.limit, err = e.room(len(p.prompt), asked); err != nil {
		return p, err
	}
	if p.logprobs, err = q.alternatives(); err != nil {
		return p, err
	}
	p.stops = q.Stop
	p.parser.Tools = len(conversation.Tools) > 0
	p.parser.Format = e.template.Format()
	p.special = p.parser.Tools && p.parser.Format.Control
	return p, q.constrain(&p, conversation.Tools)
}

// render answers the tokens of a conversation, and whether it ends inside a
// reasoning block.
func (e *engine) render(c chat.Conversation) ([]llama.Token, bool, error) {
	text, err := e.template.Render(c)
	if err != nil {
		return nil, false, err
	}
	// Most templates write BOS themselves; the tokenizer would add a second one.
	add := e.info.AddBOS && !strings.HasPrefix(text, e.spelling(e.info.BOS))
	tokens, err := e.tokens(text, add, true)
	if err == nil && len(tokens) == 0 {
		err = invalid("messages", "The conversation renders to an empty prompt.")
	}
	return tokens, strings.HasSuffix(strings.TrimSpace(text), "<think>"), err
}

func (q *chatRequest) check() error {
	for _, m := range q.Modalities {
		if m != "text" {
			return unsupported("modalities", "The modality %q is not supported by this engine; it answers text.", m)
		}
	}
	switch q.ToolChoice.mode {
	case "", "none", "auto", "required":
	default:
		return invalid("tool_choice", "tool_choice is %q; use none, auto, required or name a function.", q.ToolChoice.mode)
	}
	return nil
}

// alternatives is the number of top log-probabilities to report; -1 for none.
func (q *chatRequest) alternatives() (int, error) {
	switch {
	case q.TopLogprobs != nil && !q.Logprobs:
		return -1, invalid("top_logprobs", "top_logprobs is only allowed when logprobs is true.")
	case !q.Logprobs:
		return -1, nil
	case q.TopLogprobs == nil:
		return 0, nil
	case *q.TopLogprobs < 0 || *q.TopLogprobs > maxAlternatives:
		return -1, invalid("top_logprobs", "top_logprobs is %d; it must lie between 0 and %d.", *q.TopLogprobs, maxAlternatives)
	default:
		return *q.TopLogprobs, nil
	}
}

// constrain sets the grammar that the tools, the response format or the request
// itself ask for.
func (q *chatRequest) constrain(p *plan, tools []chat.Tool) error {
	schema, lenient, err := q.schema()
	if err != nil {
		return err
	}
	if q.Grammar != "" {
		if schema != nil || len(tools) > 0 {
			return invalid("grammar", "grammar cannot be combined with tools or response_format; leave one out.")
		}
		p.sampling.Grammar = q.Grammar
		return nil
	}
	if schema == nil && len(tools) == 0 {
		return nil
	}
	if q.ToolChoice.name != "" {
		for _, t := range tools {
			if t.Name == q.ToolChoice.name {
				tools = []chat.Tool{t}
			}
		}
	}
	// A named choice is one call, as with OpenAI: small models would repeat it until their bound.
	parallel := q.ToolChoice.name == "" && (q.ParallelToolCalls == nil || *q.ParallelToolCalls)
	required := q.ToolChoice.mode == "required"
	if required {
		schema, p.parser.Bound = nil, true
	}
	grammar, err := chat.AnswerGrammar(chat.AnswerOptions{
		Tools: tools, Format: p.parser.Format, Parallel: parallel,
		Schema: schema, Lenient: lenient, Thinking: p.parser.Thinking && (required || schema != nil),
	})
	if err != nil {
		param := "tools"
		if schema != nil {
			param = "response_format"
		}
		return invalid(param, "%v", err)
	}
	if required || schema != nil {
		p.sampling.Grammar = grammar
		return nil
	}
	p.trigger = &trigger{format: p.parser.Format, grammar: grammar}
	return nil
}

// schema is what response_format demands; nil for plain text.
func (q *chatRequest) schema() (schema jsontext.Value, lenient bool, err error) {
	f := q.ResponseFormat
	if f == nil {
		return nil, false, nil
	}
	switch f.Type {
	case "text":
		return nil, false, nil
	case "json_object":
		return jsontext.Value(`{"type":"object"}`), false, nil
	case "json_schema":
		if f.JSONSchema == nil || len(f.JSONSchema.Schema) == 0 {
			return nil, false, invalid("response_format", "response_format of type json_schema needs json_schema.schema.")
		}
		return f.JSONSchema.Schema, f.JSONSchema.Strict != nil && !*f.JSONSchema.Strict, nil
	default:
		return nil, false, invalid("response_format", "response_format is of type %q; use text, json_object or json_schema.", f.Type)
	}
}
