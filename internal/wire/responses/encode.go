package responses

import (
	"slices"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// EncodeRequest writes the body of POST /v1/responses for an upstream. opts
// may be nil; store is then false, since Craton keeps the state itself, and
// encrypted thinking is asked for, so that the next turn can return it.
// Leading Transient system text becomes instructions. The error is *model.Error
// of kind Invalid for a request that says nothing.
func EncodeRequest(req *model.Request, opts *Options) ([]byte, []model.Loss, error) {
	e := &requestEncoder{req: req, opts: opts, w: itemWriter{upstream: true}}
	if opts == nil {
		no := false
		e.opts = &Options{Store: &no, Metadata: req.Metadata}
	}
	return e.encode()
}

type requestEncoder struct {
	req  *model.Request
	opts *Options
	w    itemWriter
}

func (e *requestEncoder) encode() ([]byte, []model.Loss, error) {
	b, req := &e.w.b, e.req
	b.Open('{')
	b.StrIf("model", req.Model)
	lead := e.instructions()
	input := itemWriter{upstream: true}
	input.list(req.Messages[lead:], lead, "messages")
	e.w.losses = append(e.w.losses, input.losses...)
	switch {
	case string(input.b.Bytes) != "[]":
		b.Key("input")
		b.Bytes = append(b.Bytes, input.b.Bytes...)
	case e.opts.PreviousResponseID == "" && e.opts.Conversation == "" && e.opts.Prompt == nil:
		return nil, e.w.losses, model.Errorf(model.Invalid, "input", "Missing required parameter: 'input'.")
	}
	e.tools()
	e.sampling()
	e.text()
	e.reasoning()
	e.options()
	e.unsaid()
	e.extra()
	b.Close('}')
	return b.Bytes, e.w.losses, nil
}

// instructions writes the leading message when it came as instructions, and returns how many it wrote.
func (e *requestEncoder) instructions() int {
	if len(e.req.Messages) == 0 {
		return 0
	}
	m := e.req.Messages[0]
	text, ok := plain(m.Parts)
	if !m.Transient || m.Role != model.RoleSystem && m.Role != model.RoleDeveloper || !ok || len(m.Parts) == 0 {
		return 0
	}
	e.w.b.Str("instructions", text)
	return 1
}

func (e *requestEncoder) tools() {
	b, req := &e.w.b, e.req
	if len(req.Tools) > 0 {
		b.Key("tools")
		b.Open('[')
		for i := range req.Tools {
			if !writeTool(b, &req.Tools[i]) {
				e.w.lose(at("tools", i), model.LossMajor, "the tool "+req.Tools[i].Title()+", which only "+string(req.Tools[i].Opaque.Dialect)+" offers")
			}
		}
		b.Close(']')
	}
	if req.ToolChoice.Mode != model.ChoiceDefault || len(req.ToolChoice.Allowed) > 0 {
		b.Key("tool_choice")
		writeToolChoice(b, req)
	}
	if req.ParallelTools != nil {
		b.Flag("parallel_tool_calls", *req.ParallelTools)
	}
}

func (e *requestEncoder) sampling() {
	b, req := &e.w.b, e.req
	if req.MaxTokens != nil {
		b.Num("max_output_tokens", int64(*req.MaxTokens))
	}
	for _, f := range []struct {
		name  string
		value *float64
	}{{"temperature", req.Temperature}, {"top_p", req.TopP}} {
		if f.value != nil {
			b.Key(f.name)
			b.Float(*f.value)
		}
	}
	if req.TopLogprobs != nil {
		b.Num("top_logprobs", int64(*req.TopLogprobs))
	}
	b.StrIf("service_tier", req.ServiceTier)
	b.StrIf("prompt_cache_key", req.CacheKey)
	b.StrIf("user", req.User)
	if req.Stream {
		b.Flag("stream", true)
	}
}

func (e *requestEncoder) kept(key string) string {
	return gjson.GetBytes(own(e.req.Extra), key).Raw
}

func (e *requestEncoder) text() {
	f, rest := e.req.Format, e.kept("text")
	if f == nil && e.req.Verbosity == "" && rest == "" {
		return
	}
	b := &e.w.b
	b.Key("text")
	b.Open('{')
	if f != nil {
		b.Key("format")
		writeFormat(b, f)
	}
	b.StrIf("verbosity", e.req.Verbosity)
	b.Merge([]byte(rest), nil)
	b.Close('}')
}

func writeFormat(b *raw.Builder, f *model.Format) {
	b.Open('{')
	b.Str("type", string(f.Kind))
	if f.Kind == model.FormatSchema {
		b.Str("name", first(f.Name, "answer"))
		b.StrIf("description", f.Description)
		b.Val("schema", f.Schema)
		if f.Strict != nil {
			b.Flag("strict", *f.Strict)
		}
	}
	b.Close('}')
}

func (e *requestEncoder) reasoning() {
	r, rest := e.req.Reasoning, e.kept("reasoning")
	if r == nil {
		r = &model.ReasoningConfig{}
	}
	effort := r.Effort
	switch {
	case effort != "":
	case r.Mode == "disabled":
		effort = "none"
	case r.BudgetTokens > 0:
		effort = budgetEffort(r.BudgetTokens)
		e.w.lose("reasoning.budget_tokens", model.LossMinor, "the thinking budget, sent as the effort "+strconv.Quote(effort))
	}
	if effort == "" && r.Summary == "" && rest == "" {
		return
	}
	b := &e.w.b
	b.Key("reasoning")
	b.Open('{')
	b.StrIf("effort", effort)
	b.StrIf("summary", r.Summary)
	b.Merge([]byte(rest), nil)
	b.Close('}')
}

func budgetEffort(tokens int) string {
	switch {
	case tokens <= 2048:
		return "low"
	case tokens <= 8192:
		return "medium"
	}
	return "high"
}

func (e *requestEncoder) options() {
	b, o := &e.w.b, e.opts
	if o.Store != nil {
		b.Flag("store", *o.Store)
	}
	b.StrIf("previous_response_id", o.PreviousResponseID)
	b.StrIf("conversation", o.Conversation)
	if o.Background {
		b.Flag("background", true)
	}
	if o.IncludeObfuscation != nil {
		b.Key("stream_options")
		b.Open('{')
		b.Flag("include_obfuscation", *o.IncludeObfuscation)
		b.Close('}')
	}
	if include := e.include(); len(include) > 0 {
		b.Strs("include", include)
	}
	b.StrIf("truncation", o.Truncation)
	if o.Metadata != nil {
		writeMetadata(b, o.Metadata)
	}
	if o.MaxToolCalls != nil {
		b.Num("max_tool_calls", int64(*o.MaxToolCalls))
	}
	b.StrIf("safety_identifier", o.SafetyIdentifier)
	b.StrIf("prompt_cache_retention", o.CacheRetention)
	for _, m := range []struct {
		name string
		raw  []byte
	}{{"prompt", o.Prompt}, {"context_management", o.ContextManagement}, {"moderation", o.Moderation}, {"prompt_cache_options", o.CacheOptions}} {
		if m.raw != nil {
			b.Val(m.name, m.raw)
		}
	}
}

// include is what the client asked to be included, and what the hub's request needs.
func (e *requestEncoder) include() []string {
	list := slices.Clone(e.opts.Include)
	need := func(what string, wanted bool) {
		if wanted && !slices.Contains(list, what) {
			list = append(list, what)
		}
	}
	r := e.req.Reasoning
	need(includeEncrypted, r != nil && (r.Encrypted || !e.opts.Stored() && r.Effort != "none" && r.Mode != "disabled"))
	need(includeLogprobs, e.req.Logprobs)
	return list
}

func writeMetadata(b *raw.Builder, m map[string]string) {
	b.Key("metadata")
	b.Open('{')
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b.Str(k, m[k])
	}
	b.Close('}')
}

// extra merges the members that DecodeRequest kept.
func (e *requestEncoder) extra() {
	x := e.req.Extra
	switch {
	case x == nil:
	case x.Dialect == dialect:
		e.w.b.Merge(x.Raw, func(key string) bool { return key == "text" || key == "reasoning" })
	default:
		e.w.lose("extra", model.LossMajor, "members that only "+string(x.Dialect)+" has")
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
		{len(r.Stop) > 0, "stop", model.LossMajor, "stop sequences"},
		{r.TopK != nil, "top_k", model.LossMajor, "top_k"},
		{nonzero(r.MinP), "min_p", model.LossMajor, "min_p"},
		{nonzero(r.PresencePenalty), "presence_penalty", model.LossMajor, "the presence penalty"},
		{nonzero(r.FrequencyPenalty), "frequency_penalty", model.LossMajor, "the frequency penalty"},
		{len(r.LogitBias) > 0, "logit_bias", model.LossMajor, "the logit bias"},
		{speaks(r), "modalities", model.LossMajor, "an answer that is not text"},
		{r.Guardrail != nil, "guardrail", model.LossMajor, "the guardrail"},
		{r.Seed != nil, "seed", model.LossMinor, "the seed"},
		{r.Latency != "" && r.Latency != "standard", "latency", model.LossMinor, "the latency wish"},
		{len(r.ResponsePaths) > 0, "response_paths", model.LossMinor, "the wish for native response fields"},
	} {
		if l.lost {
			e.w.lose(l.path, l.severity, l.what)
		}
	}
}

func nonzero(f *float64) bool { return f != nil && *f != 0 }

func speaks(r *model.Request) bool {
	return r.AudioOut != nil || slices.ContainsFunc(r.Modalities, func(m string) bool { return m != "text" })
}
