package openai

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// Options are the members of a Chat Completions request that only the edge
// acts upon.
type Options struct {
	// IncludeUsage asks for a last chunk with the usage (stream_options.include_usage).
	IncludeUsage bool
	// IncludeObfuscation is stream_options.include_obfuscation; nil when absent.
	// Craton adds no obfuscation to streams, which false asks for.
	IncludeObfuscation *bool
	// Store asks to keep the completion; nil when absent. It also stays in
	// Request.Extra, for an upstream that can.
	Store *bool
	// LegacyFunctions says that the client used functions or function_call and
	// expects function_call in the answer.
	LegacyFunctions bool
}

// The bounds of the contract on how many answers and alternatives one request may ask for.
const (
	maxN           = 128
	maxTopLogprobs = 20
)

// wireRequest is the request as it stands on the wire, but for the members the
// hub does not model, which gather in Extra.
type wireRequest struct {
	Model            *string            `json:"model"`
	Messages         []wireMessage      `json:"messages"`
	Tools            []wireTool         `json:"tools"`
	ToolChoice       wireToolChoice     `json:"tool_choice"`
	Functions        []wireFunction     `json:"functions"`
	FunctionCall     wireToolChoice     `json:"function_call"`
	ParallelTools    *bool              `json:"parallel_tool_calls"`
	MaxTokens        *int               `json:"max_tokens"`
	MaxCompletion    *int               `json:"max_completion_tokens"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	TopK             *int               `json:"top_k"`
	MinP             *float64           `json:"min_p"`
	Seed             *int64             `json:"seed"`
	Stop             wireStrings        `json:"stop"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	N                *int               `json:"n"`
	Logprobs         bool               `json:"logprobs"`
	TopLogprobs      *int               `json:"top_logprobs"`
	ResponseFormat   *wireFormat        `json:"response_format"`
	ReasoningEffort  string             `json:"reasoning_effort"`
	Verbosity        string             `json:"verbosity"`
	Modalities       []string           `json:"modalities"`
	Audio            *wireAudioOut      `json:"audio"`
	ServiceTier      string             `json:"service_tier"`
	Metadata         map[string]string  `json:"metadata"`
	User             string             `json:"user"`
	SafetyIdentifier string             `json:"safety_identifier"`
	CacheKey         string             `json:"prompt_cache_key"`
	Stream           bool               `json:"stream"`
	StreamOptions    *wireStreamOptions `json:"stream_options"`
	Store            *bool              `json:"store"`
	Extra            jsontext.Value     `json:",embed"`
}

type wireStreamOptions struct {
	IncludeUsage       bool  `json:"include_usage"`
	IncludeObfuscation *bool `json:"include_obfuscation"`
	// ContinuousUsage is vLLM's: usage in every chunk. The hub's last usage is all Craton needs.
	ContinuousUsage bool `json:"continuous_usage_stats"`
}

type wireFormat struct {
	Type   string            `json:"type"`
	Schema *wireFormatSchema `json:"json_schema"`
}

type wireFormatSchema struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Schema      jsontext.Value `json:"schema"`
	Strict      *bool          `json:"strict"`
}

type wireAudioOut struct {
	Voice  wireVoice `json:"voice"`
	Format string    `json:"format"`
}

// wireVoice is a voice's name, or an object with the id of a custom one.
type wireVoice string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (v *wireVoice) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch k := d.PeekKind(); k {
	case '"':
		return json.UnmarshalDecode(d, (*string)(v))
	case '{':
		var custom struct {
			ID string `json:"id"`
		}
		err := json.UnmarshalDecode(d, &custom)
		*v = wireVoice(custom.ID)
		return err
	default:
		return wrongType(k, "one of a string or an object")
	}
}

// wireStrings is a string or an array of strings.
type wireStrings []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *wireStrings) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch k := d.PeekKind(); k {
	case 'n':
		return d.SkipValue()
	case '"':
		*s = make(wireStrings, 1)
		return json.UnmarshalDecode(d, &(*s)[0])
	case '[':
		return json.UnmarshalDecode(d, (*[]string)(s))
	default:
		return wrongType(k, "one of a string or an array of strings")
	}
}

// DecodeRequest reads a Chat Completions request. Members the hub does not
// model are kept in Request.Extra, content parts it does not know as Opaque.
// Errors are *model.Error of kind Invalid whose Subject is the parameter's
// path ("messages.0.content.1.type") and whose Code is OpenAI's. The Request
// shares no memory with body.
func DecodeRequest(body []byte) (*model.Request, Options, error) {
	if err := checkDepth(body); err != nil {
		return nil, Options{}, err
	}
	var w wireRequest
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, Options{}, requestError("", err)
	}
	if err := w.check(); err != nil {
		return nil, Options{}, err
	}
	req := w.hub()
	opts := Options{Store: w.Store, LegacyFunctions: len(w.Functions) > 0 || w.FunctionCall.set}
	if o := w.StreamOptions; o != nil {
		opts.IncludeUsage, opts.IncludeObfuscation = o.IncludeUsage, o.IncludeObfuscation
	}
	var err error
	if req.Tools, err = decodeTools(w.Tools, w.Functions); err != nil {
		return nil, Options{}, err
	}
	if req.ToolChoice, err = w.toolChoice(); err != nil {
		return nil, Options{}, err
	}
	if req.Messages, err = decodeMessages(w.Messages, body); err != nil {
		return nil, Options{}, err
	}
	return req, opts, nil
}

// check refuses what no upstream could make sense of; ranges that differ
// between models are left to the upstream.
func (w *wireRequest) check() error {
	if w.Model == nil || *w.Model == "" {
		return missing("model").(*model.Error).WithHint("Name a model that GET /v1/models lists.")
	}
	if err := checkTwins(w.Extra); err != nil {
		return err
	}
	if w.Messages == nil {
		return missing("messages")
	}
	if len(w.Messages) == 0 {
		return invalid("messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	for _, bound := range []struct {
		name     string
		value    *int
		min, max int
	}{{"n", w.N, 1, maxN}, {"top_logprobs", w.TopLogprobs, 0, maxTopLogprobs}, {"max_tokens", w.MaxTokens, 1, 0}, {"max_completion_tokens", w.MaxCompletion, 1, 0}} {
		switch {
		case bound.value == nil:
		case *bound.value < bound.min:
			return belowMin(bound.name, bound.min, *bound.value)
		case bound.max > 0 && *bound.value > bound.max:
			return aboveMax(bound.name, bound.max, *bound.value)
		}
	}
	return w.checkFormat()
}

func (w *wireRequest) checkFormat() error {
	f := w.ResponseFormat
	if f == nil {
		return nil
	}
	switch f.Type {
	case "text", "json_object":
		return nil
	case "json_schema":
		if f.Schema == nil {
			return missing("response_format.json_schema")
		}
		if f.Schema.Name == "" {
			return missing("response_format.json_schema.name")
		}
		if k := f.Schema.Schema.Kind(); len(f.Schema.Schema) > 0 && k != '{' && k != 'n' {
			return invalid("response_format.json_schema.schema", "invalid_type", "Invalid type for 'response_format.json_schema.schema': expected an object, but got %s instead.", kindName(k, f.Schema.Schema))
		}
		return nil
	case "":
		return missing("response_format.type")
	}
	return invalidValue("response_format.type", f.Type, "json_object", "json_schema", "text")
}

// hub maps the members that need no path of their own.
func (w *wireRequest) hub() *model.Request {
	req := &model.Request{
		Model: *w.Model, ParallelTools: w.ParallelTools, MaxTokens: w.MaxCompletion,
		Temperature: w.Temperature, TopP: w.TopP, TopK: w.TopK, MinP: w.MinP, Seed: w.Seed, Stop: w.Stop,
		PresencePenalty: w.PresencePenalty, FrequencyPenalty: w.FrequencyPenalty, LogitBias: w.LogitBias,
		Logprobs: w.Logprobs, TopLogprobs: w.TopLogprobs, Verbosity: w.Verbosity, Modalities: w.Modalities,
		ServiceTier: w.ServiceTier, Metadata: w.Metadata, User: w.SafetyIdentifier, CacheKey: w.CacheKey, Stream: w.Stream,
	}
	if req.MaxTokens == nil {
		req.MaxTokens = w.MaxTokens
	}
	if w.N != nil {
		req.N = *w.N
	}
	if w.ServiceTier == "fast" { // documented as another name of priority
		req.ServiceTier = "priority"
	}
	if w.ReasoningEffort != "" {
		req.Reasoning = &model.ReasoningConfig{Effort: w.ReasoningEffort}
	}
	if w.Audio != nil {
		req.AudioOut = &model.AudioOutput{Voice: string(w.Audio.Voice), Format: w.Audio.Format}
	}
	if f := w.ResponseFormat; f != nil {
		req.Format = &model.Format{Kind: model.FormatKind(f.Type)}
		if s := f.Schema; s != nil && f.Type == "json_schema" {
			req.Format.Name, req.Format.Description, req.Format.Strict = s.Name, s.Description, s.Strict
			req.Format.Schema = notNull(s.Schema)
		}
	}
	if req.User == "" {
		req.User = w.User
	}
	req.Extra = w.extra()
	return req
}

// extra gathers what the hub has no place for: unknown members, store, and
// user where safety_identifier took its place.
func (w *wireRequest) extra() *model.Opaque {
	b := builder{b: []byte("{")}
	b.object(w.Extra, nil)
	if w.Store != nil {
		b.key("store")
		b.bool(*w.Store)
	}
	if w.SafetyIdentifier != "" && w.User != "" {
		b.member("user", w.User)
	}
	if len(b.b) == 1 {
		return nil
	}
	b.close('}')
	return &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: b.b}
}

// notNull drops a JSON null.
func notNull(v jsontext.Value) []byte {
	if v.Kind() == 'n' {
		return nil
	}
	return v
}
