package responses

import (
	"math"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Options are the members of a create request that an edge acts upon and a
// model does not see. Pointers are nil when the client did not say.
type Options struct {
	// Store defaults to true.
	Store *bool
	// PreviousResponseID and Conversation continue a stored chain; at most one is set.
	PreviousResponseID string
	Conversation       string
	Background         bool
	Stream             bool
	// IncludeObfuscation is stream_options.include_obfuscation.
	IncludeObfuscation *bool
	// RawInstructions is instructions as the client sent it, a string or items,
	// for the response object; nil when absent. What it says leads
	// Request.Messages as Transient system messages.
	RawInstructions []byte
	Include         []string
	Truncation      string
	Metadata        map[string]string
	MaxToolCalls    *int
	// Prompt, ContextManagement and Moderation are kept raw; nil when absent.
	Prompt            []byte
	ContextManagement []byte
	Moderation        []byte
	SafetyIdentifier  string
	// CacheRetention is prompt_cache_retention, CacheOptions prompt_cache_options raw.
	CacheRetention string
	CacheOptions   []byte
	// Generate is false for a WebSocket warm-up only.
	Generate *bool
	// StreamID is the WebSocket lane.
	StreamID string
}

// Stored reports whether the response is to be kept: Store, or true when not said.
func (o *Options) Stored() bool { return o == nil || o.Store == nil || *o.Store }

// Included reports whether include lists what.
func (o *Options) Included(what string) bool {
	if o == nil {
		return false
	}
	for _, have := range o.Include {
		if have == what {
			return true
		}
	}
	return false
}

// The values of include that the hub knows.
const (
	includeEncrypted = "reasoning.encrypted_content"
	includeLogprobs  = "message.output_text.logprobs"
)

// option reads the members that are the edge's; known is false for others.
func (o *Options) option(key string, v raw.Value) (known bool, err error) {
	switch key {
	case "store":
		return true, v.BoolPtr(&o.Store)
	case "previous_response_id":
		return true, v.String(&o.PreviousResponseID)
	case "conversation":
		if v.IsObject() {
			return true, need(v, "id", &o.Conversation)
		}
		return true, v.String(&o.Conversation)
	case "background":
		return true, v.Bool(&o.Background)
	case "stream":
		return true, v.Bool(&o.Stream)
	case "stream_options":
		if v.IsNull() {
			return true, nil
		}
		return true, v.Members(func(key string, m raw.Value) error {
			if key == "include_obfuscation" {
				return m.BoolPtr(&o.IncludeObfuscation)
			}
			return nil
		})
	case "include":
		if err := v.Strings(&o.Include); err != nil {
			return true, err
		}
		return true, CheckInclude(o.Include)
	case "truncation":
		if err := v.String(&o.Truncation); err != nil || v.IsNull() {
			return true, err
		}
		return true, oneOf(v, "auto", "disabled")
	case "metadata":
		return true, readMetadata(v, &o.Metadata)
	case "max_tool_calls":
		return true, v.IntPtr(&o.MaxToolCalls)
	}
	return o.rare(key, v)
}

func (o *Options) rare(key string, v raw.Value) (known bool, err error) {
	switch key {
	case "prompt":
		o.Prompt = given(v)
	case "context_management":
		o.ContextManagement = given(v)
	case "moderation":
		o.Moderation = given(v)
	case "prompt_cache_options":
		o.CacheOptions = given(v)
	case "prompt_cache_retention":
		return true, v.String(&o.CacheRetention)
	case "safety_identifier":
		return true, v.String(&o.SafetyIdentifier)
	case "generate":
		return true, v.BoolPtr(&o.Generate)
	case "stream_id":
		return true, v.String(&o.StreamID)
	default:
		return false, nil
	}
	return true, nil
}

func given(v raw.Value) []byte {
	if !v.Given() {
		return nil
	}
	return v.Compact()
}

// sampling reads the numbers that shape an answer; known is false for other members.
func sampling(req *model.Request, key string, v raw.Value) (known bool, err error) {
	switch key {
	case "max_output_tokens":
		if err := v.IntPtr(&req.MaxTokens); err != nil {
			return true, err
		}
		if v.Given() && v.Num() < 1 {
			return true, invalid(v, "integer_below_min_value", "integer below minimum value. Expected a value >= 1, but got %d instead.", v.Num())
		}
		return true, nil
	case "temperature":
		return true, within(v, &req.Temperature, 0, 2)
	case "top_p":
		return true, within(v, &req.TopP, 0, 1)
	case "presence_penalty":
		return true, within(v, &req.PresencePenalty, -2, 2)
	case "frequency_penalty":
		return true, within(v, &req.FrequencyPenalty, -2, 2)
	case "top_logprobs":
		if err := v.IntPtr(&req.TopLogprobs); err != nil {
			return true, err
		}
		if v.Given() && (v.Num() < 0 || v.Num() > 20) {
			return true, invalid(v, "invalid_value", "expected a value from 0 to 20, but got %d instead.", v.Num())
		}
		return true, nil
	}
	return false, nil
}

func within(v raw.Value, dst **float64, low, high float64) error {
	if err := v.FloatPtr(dst, -math.MaxFloat64, math.MaxFloat64); err != nil || v.IsNull() {
		return err
	}
	if n := **dst; n < low || n > high {
		code := "decimal_above_max_value"
		if n < low {
			code = "decimal_below_min_value"
		}
		return invalid(v, code, "expected a value from %v to %v, but got %v instead.", low, high, n)
	}
	return nil
}
