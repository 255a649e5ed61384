package openai

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// Quirks are the ways in which compatible servers differ from OpenAI's own.
// The zero value suits OpenAI and most servers.
type Quirks struct {
	// MaxTokens sends max_tokens, for servers that do not know max_completion_tokens.
	MaxTokens bool
	// NoStreamOptions omits stream_options, for servers that refuse it; their
	// streams then may tell no usage.
	NoStreamOptions bool
	// NoDeveloper sends developer messages as system ones.
	NoDeveloper bool
	// CacheBreakpoints sends prompt_cache_breakpoint for cache points.
	CacheBreakpoints bool
	// Reasoning names the message member in which earlier thinking is sent
	// back, "reasoning_content" or "reasoning"; empty leaves it out.
	Reasoning string
	// NoPrediction leaves out the prediction of the answer, which makes it faster
	// where a server takes it and changes nothing else.
	NoPrediction bool
}

// EncodeRequest writes req for an upstream that speaks the contract as OpenAI
// does. See Quirks.EncodeRequest.
func EncodeRequest(req *model.Request) (body []byte, losses []model.Loss, err error) {
	return Quirks{}.EncodeRequest(req)
}

// EncodeRequest writes req as a Chat Completions request. A streamed one asks
// for usage, which DecodeEvents reports. losses names what the dialect cannot
// express; with a LossMajor among them the body must not be sent. The error is
// an *model.Error of kind Invalid for a request that is none (no messages).
func (q Quirks) EncodeRequest(req *model.Request) (body []byte, losses []model.Loss, err error) {
	if len(req.Messages) == 0 {
		return nil, nil, missing("messages")
	}
	e := requestEncoder{quirks: q, req: req}
	e.b = make([]byte, 0, 512+textSize(req))
	e.open('{')
	e.member("model", req.Model)
	e.messages()
	e.tools()
	e.sampling()
	e.output()
	e.rest()
	e.extra()
	e.close('}')
	return e.b, e.losses, nil
}

// textSize is about what the texts of a request take when they are written.
func textSize(req *model.Request) int {
	size := 0
	for i := range req.Messages {
		for _, p := range req.Messages[i].Parts {
			if t, ok := p.(*model.Text); ok {
				size += 64 + len(t.Text) + len(t.Text)/16
			}
		}
	}
	return size
}

type requestEncoder struct {
	builder
	quirks Quirks
	req    *model.Request
	losses []model.Loss
}

func (e *requestEncoder) lose(severity model.Severity, path, format string, args ...any) {
	e.losses = append(e.losses, model.Loss{Path: path, What: fmt.Sprintf(format, args...), Severity: severity})
}

func (e *requestEncoder) tools() {
	if len(e.req.Tools) > 0 {
		e.key("tools")
		e.open('[')
		for i := range e.req.Tools {
			e.tool(&e.req.Tools[i], fmt.Sprintf("tools.%d", i))
		}
		e.close(']')
	}
	e.choice()
	if p := e.req.ParallelTools; p != nil {
		e.key("parallel_tool_calls")
		e.bool(*p)
	}
}

func (e *requestEncoder) tool(t *model.Tool, path string) {
	switch {
	case t.Opaque != nil && t.Opaque.Dialect == model.DialectOpenAIChat:
		e.raw(t.Opaque.Raw)
	case t.Opaque != nil:
		e.lose(model.LossMajor, path, "the tool %s, which only the dialect %s knows", t.Title(), t.Opaque.Dialect)
	case t.Custom:
		e.open('{')
		e.member("type", "custom")
		e.key("custom")
		e.open('{')
		e.member("name", t.Name)
		e.optional("description", t.Description)
		if len(t.Format) > 0 {
			e.key("format")
			e.raw(t.Format)
		}
		e.b = append(e.b, "}}"...)
	default:
		e.open('{')
		e.member("type", "function")
		e.key("function")
		e.open('{')
		e.member("name", t.Name)
		e.optional("description", t.Description)
		if len(t.Schema) > 0 {
			e.key("parameters")
			e.raw(t.Schema)
		}
		if t.Strict != nil {
			e.key("strict")
			e.bool(*t.Strict)
		}
		e.b = append(e.b, "}}"...)
	}
	if t.Cache != nil {
		e.lose(model.LossMinor, path+".cache", "a cache point after a tool")
	}
}

func (e *requestEncoder) choice() {
	c := e.req.ToolChoice
	switch {
	case c.Mode == model.ChoiceDefault:
	case c.Mode == model.ChoiceNamed:
		e.key("tool_choice")
		e.toolRef(c.Name)
	case len(c.Allowed) > 0 && c.Mode != model.ChoiceNone:
		e.key("tool_choice")
		e.open('{')
		e.member("type", "allowed_tools")
		e.key("allowed_tools")
		e.open('{')
		e.member("mode", string(c.Mode))
		e.key("tools")
		e.open('[')
		for _, name := range c.Allowed {
			e.toolRef(name)
		}
		e.b = append(e.b, "]}}"...)
	default:
		e.member("tool_choice", string(c.Mode))
	}
}

// toolRef names a tool by its kind.
func (e *requestEncoder) toolRef(name string) {
	kind := "function"
	for i := range e.req.Tools {
		if t := &e.req.Tools[i]; t.Name == name && t.Custom {
			kind = "custom"
		}
	}
	e.open('{')
	e.member("type", kind)
	e.key(kind)
	e.open('{')
	e.member("name", name)
	e.b = append(e.b, "}}"...)
}

func (e *requestEncoder) sampling() {
	r := e.req
	if r.MaxTokens != nil {
		name := "max_completion_tokens"
		if e.quirks.MaxTokens {
			name = "max_tokens"
		}
		e.key(name)
		e.int(int64(*r.MaxTokens))
	}
	e.optFloat("temperature", r.Temperature)
	e.optFloat("top_p", r.TopP)
	e.optInt("top_k", r.TopK)
	e.optFloat("min_p", r.MinP)
	if r.Seed != nil {
		e.key("seed")
		e.int(*r.Seed)
	}
	e.strings("stop", r.Stop)
	e.optFloat("presence_penalty", r.PresencePenalty)
	e.optFloat("frequency_penalty", r.FrequencyPenalty)
	if len(r.LogitBias) > 0 {
		e.key("logit_bias")
		e.open('{')
		for _, id := range slices.Sorted(maps.Keys(r.LogitBias)) {
			e.quotedKey(id)
			e.float(r.LogitBias[id])
		}
		e.close('}')
	}
	if r.N > 0 {
		e.key("n")
		e.int(int64(r.N))
	}
	if r.Logprobs {
		e.key("logprobs")
		e.bool(true)
	}
	e.optInt("top_logprobs", r.TopLogprobs)
}

// output writes what form the answer takes.
func (e *requestEncoder) output() {
	r := e.req
	if f := r.Format; f != nil {
		e.format(f)
	}
	e.reasoning()
	e.optional("verbosity", r.Verbosity)
	e.strings("modalities", r.Modalities)
	if a := r.AudioOut; a != nil {
		e.key("audio")
		e.open('{')
		e.optional("voice", a.Voice)
		e.optional("format", a.Format)
		e.close('}')
	}
	if r.Stream {
		e.key("stream")
		e.bool(true)
		if !e.quirks.NoStreamOptions {
			e.key("stream_options")
			e.raw([]byte(`{"include_usage":true}`))
		}
	}
}

func (e *requestEncoder) format(f *model.Format) {
	e.key("response_format")
	e.open('{')
	e.member("type", string(f.Kind))
	if f.Kind == model.FormatSchema {
		e.key("json_schema")
		e.open('{')
		name := f.Name
		if name == "" {
			name = "answer" // required here, optional in other dialects
		}
		e.member("name", name)
		e.optional("description", f.Description)
		if len(f.Schema) > 0 {
			e.key("schema")
			e.raw(f.Schema)
		}
		if f.Strict != nil {
			e.key("strict")
			e.bool(*f.Strict)
		}
		e.close('}')
	}
	e.close('}')
}

// Budgets up to these many tokens of thinking count as low and medium effort.
const (
	lowBudget    = 2048
	mediumBudget = 8192
)

func (e *requestEncoder) reasoning() {
	r := e.req.Reasoning
	if r == nil {
		return
	}
	effort := r.Effort
	switch {
	case effort != "":
	case r.Mode == "disabled":
		e.lose(model.LossMinor, "reasoning.mode", "thinking cannot be switched off in this dialect for every model")
	case r.BudgetTokens > 0:
		switch {
		case r.BudgetTokens <= lowBudget:
			effort = "low"
		case r.BudgetTokens <= mediumBudget:
			effort = "medium"
		default:
			effort = "high"
		}
		e.lose(model.LossMinor, "reasoning.budget_tokens", "a thinking budget of %d tokens was sent as %s effort", r.BudgetTokens, effort)
	}
	e.optional("reasoning_effort", effort)
	if r.Summary != "" || r.Encrypted || r.Display != "" {
		e.lose(model.LossMinor, "reasoning", "how thinking is shown (summary, encrypted, display)")
	}
}

func (e *requestEncoder) rest() {
	r := e.req
	switch r.ServiceTier {
	case "":
	case "reserved":
		e.lose(model.LossMinor, "service_tier", "the service tier %q", r.ServiceTier)
	default:
		e.member("service_tier", r.ServiceTier)
	}
	if len(r.Metadata) > 0 {
		e.key("metadata")
		e.open('{')
		for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
			e.quotedKey(k)
			e.str(r.Metadata[k])
		}
		e.close('}')
	}
	if r.User != "" {
		name := "user"
		if e.ownExtra() && gjson.GetBytes(r.Extra.Raw, "user").Exists() {
			name = "safety_identifier"
		}
		e.member(name, r.User)
	}
	e.optional("prompt_cache_key", r.CacheKey)
	if r.Latency != "" && r.Latency != "standard" {
		e.lose(model.LossMinor, "latency", "the latency setting %q", r.Latency)
	}
	if r.Guardrail != nil {
		e.lose(model.LossMajor, "guardrail", "the guardrail %s", r.Guardrail.ID)
	}
	if len(r.ResponsePaths) > 0 {
		e.lose(model.LossMinor, "response_paths", "additional response fields")
	}
}

func (e *requestEncoder) ownExtra() bool {
	return e.req.Extra != nil && e.req.Extra.Dialect == model.DialectOpenAIChat
}

// hints are members of other dialects that change no answer.
var hints = map[string]bool{
	"store": true, "background": true, "metadata": true, "prompt_cache_retention": true, "prompt_cache_options": true,
	"truncation": true, "client_metadata": true, "include": true, "inference_geo": true, "context_management": false,
}

func (e *requestEncoder) extra() {
	x := e.req.Extra
	if x == nil {
		return
	}
	if e.ownExtra() {
		e.object(x.Raw, func(name string) bool {
			if name == "prediction" && e.quirks.NoPrediction {
				e.lose(model.LossMinor, name, "the prediction of the answer")
				return true
			}
			return ownMembers[name]
		})
		return
	}
	eachMember(x.Raw, func(name string, _, _ []byte) bool {
		severity := model.LossMajor
		if hints[name] {
			severity = model.LossMinor
		}
		e.lose(severity, name, "%q of the dialect %s", name, x.Dialect)
		return true
	})
}

// ownMembers are the members EncodeRequest writes itself; Extra must not repeat them.
var ownMembers = map[string]bool{
	"model": true, "messages": true, "tools": true, "tool_choice": true, "functions": true, "function_call": true,
	"parallel_tool_calls": true, "max_tokens": true, "max_completion_tokens": true, "temperature": true, "top_p": true,
	"top_k": true, "min_p": true, "seed": true, "stop": true, "presence_penalty": true, "frequency_penalty": true,
	"logit_bias": true, "n": true, "logprobs": true, "top_logprobs": true, "response_format": true,
	"reasoning_effort": true, "verbosity": true, "modalities": true, "audio": true, "service_tier": true,
	"safety_identifier": true, "prompt_cache_key": true, "stream": true, "stream_options": true,
}

func (e *requestEncoder) optFloat(name string, v *float64) {
	if v != nil {
		e.key(name)
		e.float(*v)
	}
}

func (e *requestEncoder) optInt(name string, v *int) {
	if v != nil {
		e.key(name)
		e.int(int64(*v))
	}
}

func (e *requestEncoder) strings(name string, list []string) {
	if len(list) == 0 {
		return
	}
	e.key(name)
	e.open('[')
	for _, s := range list {
		e.str(s)
	}
	e.close(']')
}
