package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// ResponseOptions says what an answer's encoder cannot know from the hub.
type ResponseOptions struct {
	// ID is the response's id, "resp_…"; required.
	ID string
	// Created is created_at, in Unix seconds; Completed is completed_at, used
	// by EncodeResponse and 0 for an answer that is not complete.
	Created, Completed int64
	// Model is the model name shown; empty means the answer's own.
	Model string
	// Request and Options are echoed in the response object; either may be nil.
	Request *model.Request
	Options *Options
	// Status overrides the status that the answer's stop reason gives, such as
	// "queued", "in_progress", "failed" or "cancelled"; usually empty.
	Status string
	// Error fills error when Status is "failed".
	Error *model.Error
	// ItemID makes the id of output item n of a kind ("msg", "rs", "fc", "ctc",
	// …); nil derives ids from ID, so that equal answers have equal ids.
	ItemID func(kind string, n int) string
	// NoDone leaves out "data: [DONE]", Bare leaves out SSE framing: events
	// are then JSON texts each ended by a newline (WebSocket), with the
	// stream_id of Options.
	NoDone, Bare bool
	// Skip is how many events are left out at the beginning: the reader has
	// them. They count all the same.
	Skip int64
}

// object is a response object about to be written.
type object struct {
	opts       *ResponseOptions
	model      string
	status     string
	incomplete string // the reason, where the status is incomplete
	completed  int64
	output     []byte // a JSON array; nil means none yet
	usage      *model.Usage
}

// write appends the object. Every member the contract and its compliance suite
// name is there, null where there is nothing to say.
func (o *object) write(b *raw.Builder) {
	opts := o.opts.Options
	if opts == nil {
		opts = &Options{}
	}
	req := o.opts.Request
	if req == nil {
		req = &model.Request{}
	}
	b.Open('{')
	b.Str("id", o.opts.ID)
	b.Str("object", "response")
	b.Num("created_at", o.opts.Created)
	b.Str("status", o.status)
	b.Flag("background", opts.Background)
	b.Key("completed_at")
	if o.status == "completed" && o.completed > 0 {
		b.Int(o.completed)
	} else {
		b.Null()
	}
	o.failure(b)
	rawOrNull(b, "instructions", opts.RawInstructions)
	intOrNull(b, "max_output_tokens", req.MaxTokens)
	intOrNull(b, "max_tool_calls", opts.MaxToolCalls)
	b.Str("model", first(first(o.opts.Model, o.model), req.Model))
	b.Key("output")
	if o.output == nil {
		b.Literal("[]")
	} else {
		b.Bytes = append(b.Bytes, o.output...)
	}
	echoTools(b, req)
	echoChain(b, opts)
	echoSampling(b, req)
	echoText(b, req)
	echoRest(b, req, opts)
	b.StrNull("service_tier", o.tier(req))
	b.Key("usage")
	if o.usage == nil || o.usage.Absent {
		b.Null()
	} else {
		writeUsage(b, o.usage)
	}
	b.Close('}')
}

// tier is the tier used; until it is known, the one asked for.
func (o *object) tier(req *model.Request) string {
	if o.usage != nil && o.usage.ServiceTier != "" {
		return o.usage.ServiceTier
	}
	return first(req.ServiceTier, "default")
}

func (o *object) failure(b *raw.Builder) {
	b.Key("error")
	if o.status == "failed" && o.opts.Error != nil {
		b.Open('{')
		b.Str("code", failureCode(o.opts.Error))
		b.Str("message", o.opts.Error.Public())
		b.Close('}')
	} else {
		b.Null()
	}
	b.Key("incomplete_details")
	if o.incomplete == "" {
		b.Null()
		return
	}
	b.Open('{')
	b.Str("reason", o.incomplete)
	b.Close('}')
}

func rawOrNull(b *raw.Builder, name string, v []byte) {
	if v == nil {
		b.Nil(name)
		return
	}
	b.Val(name, v)
}

func intOrNull(b *raw.Builder, name string, n *int) {
	if n == nil {
		b.Nil(name)
		return
	}
	b.Num(name, int64(*n))
}

func floatOr(b *raw.Builder, name string, f *float64, or float64) {
	b.Key(name)
	if f != nil {
		or = *f
	}
	b.Float(or)
}

func echoTools(b *raw.Builder, req *model.Request) {
	b.Flag("parallel_tool_calls", req.ParallelTools == nil || *req.ParallelTools)
	b.Key("tool_choice")
	if kept := gjson.GetBytes(own(req.Extra), "tool_choice").Raw; kept != "" {
		b.RawString(kept)
	} else {
		writeToolChoice(b, req)
	}
	b.Key("tools")
	b.Open('[')
	for i := range req.Tools {
		t := &req.Tools[i]
		if t.Opaque == nil || t.Opaque.Dialect != dialect {
			writeTool(b, t)
			continue
		}
		b.Open('{')
		b.Merge(t.Opaque.Raw, secret)
		b.Close('}')
	}
	b.Close(']')
}

// secret names the members of a tool that hold credentials: responses are stored and shown.
func secret(key string) bool { return key == "authorization" || key == "headers" }

func echoChain(b *raw.Builder, opts *Options) {
	b.StrNull("previous_response_id", opts.PreviousResponseID)
	b.Key("conversation")
	if opts.Conversation == "" {
		b.Null()
	} else {
		b.Open('{')
		b.Str("id", opts.Conversation)
		b.Close('}')
	}
	b.Flag("store", opts.Stored())
	b.Str("truncation", first(opts.Truncation, "disabled"))
	rawOrNull(b, "prompt", opts.Prompt)
	rawOrNull(b, "moderation", opts.Moderation)
	b.Nil("access_programs")
}

func echoSampling(b *raw.Builder, req *model.Request) {
	floatOr(b, "temperature", req.Temperature, 1)
	floatOr(b, "top_p", req.TopP, 1)
	floatOr(b, "presence_penalty", req.PresencePenalty, 0)
	floatOr(b, "frequency_penalty", req.FrequencyPenalty, 0)
	top := 0
	if req.TopLogprobs != nil {
		top = *req.TopLogprobs
	}
	b.Num("top_logprobs", int64(top))
}

func echoText(b *raw.Builder, req *model.Request) {
	b.Key("text")
	b.Open('{')
	b.Key("format")
	format := req.Format
	if format == nil {
		format = &model.Format{Kind: model.FormatText}
	}
	writeFormat(b, format)
	b.Str("verbosity", first(req.Verbosity, "medium"))
	b.Close('}')
	b.Key("reasoning")
	b.Open('{')
	var r model.ReasoningConfig
	if req.Reasoning != nil {
		r = *req.Reasoning
	}
	b.StrNull("effort", r.Effort)
	b.StrNull("summary", r.Summary)
	b.Close('}')
}

func echoRest(b *raw.Builder, req *model.Request, opts *Options) {
	writeMetadata(b, opts.Metadata)
	b.StrNull("user", req.User)
	b.StrNull("safety_identifier", opts.SafetyIdentifier)
	b.StrNull("prompt_cache_key", req.CacheKey)
	b.StrNull("prompt_cache_retention", opts.CacheRetention)
	if opts.CacheOptions != nil {
		b.Val("prompt_cache_options", opts.CacheOptions)
	}
}

// ending is the status and, for an incomplete answer, the reason that a stop
// reason gives.
func ending(stop model.StopReason) (status, reason string) {
	switch stop {
	case model.StopMaxTokens, model.StopContextWindow:
		return "incomplete", "max_output_tokens"
	case model.StopContentFilter, model.StopGuardrail:
		return "incomplete", "content_filter"
	}
	return "completed", ""
}
