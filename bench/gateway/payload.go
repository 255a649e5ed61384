package main

import (
	"encoding/json"
	"strings"
)

// modelName is what the mock serves.
const modelName = "bench-model"

// mark stands only in text the model made, so that its first arrival is the
// time to first token in any dialect.
const mark = '~'

// sentence fills prompts and answers with ordinary text.
const sentence = "The old, stable core of a continent carries what later ages build upon it. "

// text is ordinary prose of n bytes.
func text(n int) string {
	return strings.Repeat(sentence, n/len(sentence)+1)[:n]
}

// openAIRequest is a chat request of about 1.2 KB.
func openAIRequest(model string, stream bool) []byte {
	return mustJSON(map[string]any{
		"model": model, "stream": stream, "max_tokens": 512, "temperature": 0.7,
		"messages": []map[string]string{
			{"role": "system", "content": "You are a careful assistant. " + text(260)},
			{"role": "user", "content": text(240)},
			{"role": "assistant", "content": text(220)},
			{"role": "user", "content": text(180)},
		},
	})
}

// anthropicRequest asks the same in Anthropic's contract.
func anthropicRequest(model string, stream bool) []byte {
	return mustJSON(map[string]any{
		"model": model, "stream": stream, "max_tokens": 512, "temperature": 0.7,
		"system": "You are a careful assistant. " + text(260),
		"messages": []map[string]string{
			{"role": "user", "content": text(240)},
			{"role": "assistant", "content": text(220)},
			{"role": "user", "content": text(180)},
		},
	})
}

// answer is a chat completion of about 1.1 KB.
func answer() []byte {
	return mustJSON(map[string]any{
		"id": "chatcmpl-0123456789abcdef0123456789", "object": "chat.completion", "created": 1767225600, "model": modelName,
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": string(mark) + text(760), "refusal": nil},
		}},
		"usage":              usage(),
		"system_fingerprint": "fp_0123456789",
	})
}

func usage() map[string]any {
	return map[string]any{"prompt_tokens": 221, "completion_tokens": 163, "total_tokens": 384}
}

// event is one streamed chunk as a server-sent event.
func event(delta map[string]any, finish any, use any) []byte {
	choices := []any{}
	if delta != nil {
		choices = append(choices, map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish})
	}
	chunk := map[string]any{
		"id": "chatcmpl-0123456789abcdef0123456789", "object": "chat.completion.chunk", "created": 1767225600,
		"model": modelName, "system_fingerprint": "fp_0123456789", "choices": choices,
	}
	if use != nil {
		chunk["usage"] = use
	}
	return append(append([]byte("data: "), mustJSON(chunk)...), "\n\n"...)
}

// mustJSON encodes values made above, which always encode.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
