package anthropic

import (
	"math"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// DefaultMaxTokens is what EncodeRequest sends when neither the request nor
// its options bound the answer: the dialect requires a bound.
const DefaultMaxTokens = 4096

// RequestOptions says what EncodeRequest cannot know from the hub request.
type RequestOptions struct {
	// DefaultMaxTokens is used when the request has no MaxTokens; 0 means the
	// package's DefaultMaxTokens. Providers pass the model card's MaxOutputTokens.
	DefaultMaxTokens int
	// InvokeVersion, such as "bedrock-2023-05-31", makes the body one for
	// Bedrock's InvokeModel: anthropic_version is added, model and stream left out.
	InvokeVersion string
	// EffortAsBudget is for models without output_config.effort: an effort
	// then becomes a thinking budget within the answer's bound.
	EffortAsBudget bool
}

// EncodeRequest writes the body of POST /v1/messages. Consecutive messages of
// one role are merged, and tool results are put first in theirs, as the
// dialect wants. Leading system messages become system, later ones messages of
// role "system". The error is *model.Error of kind Invalid for a request
// without messages.
func EncodeRequest(req *model.Request, opts RequestOptions) ([]byte, []model.Loss, error) {
	e := &requestEncoder{req: req, opts: opts}
	return e.encode(false)
}

// EncodeCountRequest writes the body of POST /v1/messages/count_tokens, which
// has only what input is made of.
func EncodeCountRequest(req *model.Request) ([]byte, []model.Loss, error) {
	e := &requestEncoder{req: req}
	return e.encode(true)
}

type requestEncoder struct {
	b      raw.Builder
	req    *model.Request
	opts   RequestOptions
	losses []model.Loss
}

func (e *requestEncoder) lose(path string, s model.Severity, what string) {
	e.losses = append(e.losses, model.Loss{Path: path, What: what, Severity: s})
}

func at(path string, i int) string { return path + "." + strconv.Itoa(i) }

func (e *requestEncoder) encode(count bool) ([]byte, []model.Loss, error) {
	lead := 0
	for lead < len(e.req.Messages) && isSystem(e.req.Messages[lead].Role) {
		lead++
	}
	if lead == len(e.req.Messages) {
		return nil, e.losses, model.Errorf(model.Invalid, "messages", "messages: at least one message is required")
	}
	b := &e.b
	b.Open('{')
	switch {
	case e.opts.InvokeVersion == "":
		b.Str("model", e.req.Model)
	default:
		b.Str("anthropic_version", e.opts.InvokeVersion)
	}
	if !count {
		b.Num("max_tokens", int64(e.maxTokens()))
	}
	e.system(e.req.Messages[:lead])
	e.messages(e.req.Messages[lead:], lead)
	e.tools()
	e.toolChoice()
	e.thinking()
	e.outputConfig()
	if !count {
		e.sampling()
		e.unsaid()
	}
	e.top(count)
	b.Close('}')
	return b.Bytes, e.losses, nil
}

func isSystem(r model.Role) bool { return r == model.RoleSystem || r == model.RoleDeveloper }

func (e *requestEncoder) maxTokens() int {
	switch {
	case e.req.MaxTokens != nil:
		return *e.req.MaxTokens
	case e.opts.DefaultMaxTokens > 0:
		return e.opts.DefaultMaxTokens
	}
	return DefaultMaxTokens
}

func (e *requestEncoder) sampling() {
	b, req := &e.b, e.req
	if req.Temperature != nil {
		if *req.Temperature > 1 {
			e.lose("temperature", model.LossMajor, "a temperature above 1")
		}
		b.Key("temperature")
		b.Float(math.Min(*req.Temperature, 1))
	}
	if req.TopP != nil {
		b.Key("top_p")
		b.Float(*req.TopP)
	}
	if req.TopK != nil {
		b.Num("top_k", int64(*req.TopK))
	}
	if len(req.Stop) > 0 {
		b.Strs("stop_sequences", req.Stop)
	}
	switch req.ServiceTier {
	case "":
	case "auto":
		b.Str("service_tier", "auto")
	case "default":
		b.Str("service_tier", "standard_only")
	default:
		e.lose("service_tier", model.LossMinor, "the service tier "+strconv.Quote(req.ServiceTier))
	}
	if req.User != "" {
		b.Key("metadata")
		b.Open('{')
		b.Str("user_id", req.User)
		b.Close('}')
	}
	if req.Stream && e.opts.InvokeVersion == "" {
		b.Flag("stream", true)
	}
}

// thinking writes the switch for thinking.
func (e *requestEncoder) thinking() {
	r := e.req.Reasoning
	if r == nil || e.kept("thinking") != "" {
		return
	}
	mode, budget := r.Mode, r.BudgetTokens
	switch {
	case mode != "":
	case budget > 0:
		mode = "enabled"
	case r.Effort == "none":
		mode = "disabled"
	case r.Effort != "" && e.opts.EffortAsBudget:
		mode, budget = "enabled", effortBudget(r.Effort)
	default:
		return
	}
	if mode == "enabled" {
		if limit := e.maxTokens() - 1; budget > limit && e.req.MaxTokens == nil {
			budget = max(limit, 1024)
		}
		budget = max(budget, 1024)
	}
	e.b.Key("thinking")
	e.b.Open('{')
	e.b.Str("type", mode)
	if mode == "enabled" {
		e.b.Num("budget_tokens", int64(budget))
	}
	e.b.StrIf("display", r.Display)
	e.b.Close('}')
}

// effortBudget is how many tokens of thinking an effort is worth to models that take a budget.
func effortBudget(effort string) int {
	switch effort {
	case "minimal", "low":
		return 1024
	case "medium":
		return 4096
	case "high":
		return 16384
	}
	return 32768
}

func (e *requestEncoder) outputConfig() {
	effort, format := "", e.req.Format
	if r := e.req.Reasoning; r != nil && r.Effort != "none" && !e.opts.EffortAsBudget {
		effort = r.Effort
		if effort == "minimal" {
			effort = "low"
			e.lose("reasoning.effort", model.LossMinor, `the effort "minimal", sent as "low"`)
		}
	}
	if format != nil && format.Kind != model.FormatSchema {
		if format.Kind == model.FormatJSON {
			e.lose("format", model.LossMajor, "JSON output without a schema")
		}
		format = nil
	}
	rest := e.kept("output_config")
	if effort == "" && format == nil && rest == "" {
		return
	}
	b := &e.b
	b.Key("output_config")
	b.Open('{')
	b.StrIf("effort", effort)
	if format != nil {
		b.Key("format")
		b.Open('{')
		b.Str("type", "json_schema")
		b.Val("schema", format.Schema)
		b.Close('}')
	}
	b.Merge([]byte(rest), nil)
	b.Close('}')
}

// kept returns a member of the request's own Extra.
func (e *requestEncoder) kept(key string) string {
	if x := e.req.Extra; x != nil && x.Dialect == dialect {
		return gjson.GetBytes(x.Raw, key).Raw
	}
	return ""
}

// top merges the members that DecodeRequest kept; counting knows no container or place.
func (e *requestEncoder) top(count bool) {
	x := e.req.Extra
	switch {
	case x == nil:
	case x.Dialect == dialect:
		e.b.Merge(x.Raw, func(key string) bool {
			return key == "output_config" || count && (key == "container" || key == "inference_geo")
		})
	default:
		e.lose("extra", model.LossMajor, "members that only "+string(x.Dialect)+" has")
	}
}

// extra merges the unmodelled members of a tool, call or result.
func (e *requestEncoder) extra(path string, x *model.Opaque) {
	switch {
	case x == nil:
	case x.Dialect == dialect:
		e.b.Merge(x.Raw, nil)
	default:
		e.lose(path, model.LossMinor, "members that only "+string(x.Dialect)+" has")
	}
}

// unsaid reports what the dialect has no member for.
func (e *requestEncoder) unsaid() {
	r := e.req
	for _, l := range []struct {
		lost     bool
		path     string
		severity model.Severity
		what     string
	}{
		{r.N > 1, "n", model.LossMajor, "more than one answer"},
		{r.Logprobs || r.TopLogprobs != nil && *r.TopLogprobs > 0, "logprobs", model.LossMajor, "log probabilities"},
		{nonzero(r.PresencePenalty), "presence_penalty", model.LossMajor, "the presence penalty"},
		{nonzero(r.FrequencyPenalty), "frequency_penalty", model.LossMajor, "the frequency penalty"},
		{len(r.LogitBias) > 0, "logit_bias", model.LossMajor, "the logit bias"},
		{nonzero(r.MinP), "min_p", model.LossMajor, "min_p"},
		{speaks(r), "modalities", model.LossMajor, "an answer that is not text"},
		{r.Guardrail != nil, "guardrail", model.LossMajor, "the guardrail"},
		{r.Seed != nil, "seed", model.LossMinor, "the seed"},
		{r.Verbosity != "", "verbosity", model.LossMinor, "the verbosity"},
		{r.Latency != "" && r.Latency != "standard", "latency", model.LossMinor, "the latency wish"},
		{len(r.Metadata) > 0, "metadata", model.LossMinor, "metadata other than the user id"},
		{r.CacheKey != "", "cache_key", model.LossMinor, "the cache key"},
		{len(r.ResponsePaths) > 0, "response_paths", model.LossMinor, "the wish for native response fields"},
		{r.Format != nil && r.Format.Description != "", "format.description", model.LossMinor, "the description of the output schema"},
	} {
		if l.lost {
			e.lose(l.path, l.severity, l.what)
		}
	}
}

func nonzero(f *float64) bool { return f != nil && *f != 0 }

func speaks(r *model.Request) bool {
	for _, m := range r.Modalities {
		if m != "text" {
			return true
		}
	}
	return r.AudioOut != nil
}

func writeCache(b *raw.Builder, point *model.CachePoint) {
	if point == nil {
		return
	}
	b.Key("cache_control")
	b.Open('{')
	b.Str("type", "ephemeral")
	b.StrIf("ttl", point.TTL)
	b.Close('}')
}
