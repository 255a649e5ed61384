package openai

import (
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// wireUsage is the contract's usage. prompt_tokens includes cached and cache
// writing tokens, completion_tokens includes reasoning.
type wireUsage struct {
	Prompt     int64                 `json:"prompt_tokens"`
	Completion int64                 `json:"completion_tokens"`
	Total      int64                 `json:"total_tokens"`
	PromptDet  wirePromptDetails     `json:"prompt_tokens_details"`
	OutputDet  wireCompletionDetails `json:"completion_tokens_details"`
	// CacheHit is how DeepSeek names cached tokens.
	CacheHit int64 `json:"prompt_cache_hit_tokens"`
}

type wirePromptDetails struct {
	Cached  int64 `json:"cached_tokens"`
	Written int64 `json:"cache_write_tokens"`
	Audio   int64 `json:"audio_tokens"`
}

type wireCompletionDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
	Audio     int64 `json:"audio_tokens"`
}

// hub maps to the hub's arithmetic, in which Input excludes cached tokens.
// Details that exceed their total are cut to it.
func (w *wireUsage) hub() model.Usage {
	u := model.Usage{Output: max(w.Completion, 0)}
	if w.Completion == 0 && w.Total > w.Prompt {
		u.Output = w.Total - w.Prompt
	}
	prompt := max(w.Prompt, 0)
	u.CacheRead = clamp(max(w.CacheHit, w.PromptDet.Cached), prompt)
	u.CacheWrite5m = clamp(w.PromptDet.Written, prompt-u.CacheRead)
	u.Input = prompt - u.CacheRead - u.CacheWrite5m
	u.AudioInput = clamp(w.PromptDet.Audio, u.Input)
	u.Reasoning, u.AudioOutput = clamp(w.OutputDet.Reasoning, u.Output), clamp(w.OutputDet.Audio, u.Output)
	return u
}

func clamp(n, limit int64) int64 { return min(max(n, 0), limit) }

// usageFrom reads a usage object without allocating.
func usageFrom(v gjson.Result) (model.Usage, bool) {
	if !v.IsObject() {
		return model.Usage{}, false
	}
	var w wireUsage
	v.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "prompt_tokens":
			w.Prompt = v.Int()
		case "completion_tokens":
			w.Completion = v.Int()
		case "total_tokens":
			w.Total = v.Int()
		case "prompt_cache_hit_tokens":
			w.CacheHit = v.Int()
		case "prompt_tokens_details":
			w.PromptDet = wirePromptDetails{v.Get("cached_tokens").Int(), v.Get("cache_write_tokens").Int(), v.Get("audio_tokens").Int()}
		case "completion_tokens_details":
			w.OutputDet = wireCompletionDetails{v.Get("reasoning_tokens").Int(), v.Get("audio_tokens").Int()}
		}
		return true
	})
	return w.hub(), true
}

// appendUsage writes the contract's usage object.
func appendUsage(w *builder, u *model.Usage) {
	prompt := u.InputTotal()
	w.open('{')
	w.key("prompt_tokens")
	w.int(prompt)
	w.key("completion_tokens")
	w.int(u.Output)
	w.key("total_tokens")
	w.int(prompt + u.Output)
	w.key("prompt_tokens_details")
	w.open('{')
	w.key("cached_tokens")
	w.int(u.CacheRead)
	w.key("audio_tokens")
	w.int(u.AudioInput)
	if written := u.CacheWrite5m + u.CacheWrite1h; written > 0 {
		w.key("cache_write_tokens")
		w.int(written)
	}
	w.close('}')
	w.key("completion_tokens_details")
	w.open('{')
	w.key("reasoning_tokens")
	w.int(u.Reasoning)
	w.key("audio_tokens")
	w.int(u.AudioOutput)
	w.key("accepted_prediction_tokens")
	w.int(0)
	w.key("rejected_prediction_tokens")
	w.int(0)
	w.b = append(w.b, "}}"...)
}
