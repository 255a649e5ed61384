package openai

import "github.com/craton-ai/craton/internal/model"

// finishReason names a stop reason as the contract does.
func finishReason(r model.StopReason, legacy bool) string {
	switch r {
	case model.StopToolUse:
		if legacy {
			return "function_call"
		}
		return "tool_calls"
	case model.StopMaxTokens, model.StopContextWindow:
		return "length"
	case model.StopGuardrail, model.StopContentFilter, model.StopRefusal:
		return "content_filter"
	}
	return "stop"
}

// stopReason reads a finish reason, compatible servers' own names included.
// called says that the answer holds tool calls: some servers then say "stop".
func stopReason(finish string, called bool) model.StopReason {
	switch finish {
	case "tool_calls", "function_call":
		return model.StopToolUse
	case "length", "max_tokens", "model_length":
		return model.StopMaxTokens
	case "content_filter":
		return model.StopContentFilter
	}
	if called {
		return model.StopToolUse
	}
	return model.StopEnd
}

// appendLogprobs writes a choice's logprobs member: null when there are none.
func appendLogprobs(w *builder, list []model.TokenLogprob, refusal bool) {
	if len(list) == 0 {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '{')
	if refusal {
		w.b = append(w.b, `"content":null,"refusal":`...)
	} else {
		w.b = append(w.b, `"refusal":null,"content":`...)
	}
	w.b = append(w.b, '[')
	for i := range list {
		appendLogprob(w, &list[i], true)
	}
	w.b = append(w.b, "]}"...)
}

func appendLogprob(w *builder, lp *model.TokenLogprob, top bool) {
	w.open('{')
	w.member("token", lp.Token)
	w.key("logprob")
	w.float(lp.Logprob)
	w.key("bytes")
	if lp.Bytes == nil {
		w.raw(nil)
	} else {
		w.b = append(w.b, '[')
		for _, c := range lp.Bytes {
			w.int(int64(c))
		}
		w.close(']')
	}
	if top {
		w.key("top_logprobs")
		w.open('[')
		for i := range lp.Top {
			appendLogprob(w, &lp.Top[i], false)
		}
		w.close(']')
	}
	w.close('}')
}
