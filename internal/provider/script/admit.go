package script

import (
	"fmt"
	"slices"

	"github.com/craton-ai/craton/internal/model"
)

// admit refuses what the card says the model cannot do, so that a client learns
// it here as it would from a real upstream. tokens is the size of the request.
func admit(req *model.Request, card *model.Card, tokens int64) error {
	switch {
	case len(req.Messages) == 0:
		return model.Errorf(model.Invalid, "messages", "messages must hold at least one message.")
	case req.MaxTokens != nil && *req.MaxTokens < 1:
		return model.Errorf(model.Invalid, "max_tokens", "max_tokens must be at least 1.")
	case req.N < 0 || req.N > model.MaxChoices:
		return model.Errorf(model.Invalid, "n", "n must be between 1 and %d.", model.MaxChoices)
	case len(req.Tools) > 0 && !card.Can(model.CanTools):
		return cannot(card, "tools", "call tools")
	case wantsJSON(req) && !card.Can(model.CanSchema):
		return cannot(card, "response_format", "answer in a given form")
	case slices.Contains(req.Modalities, "audio") || req.AudioOut != nil:
		return cannot(card, "modalities", "speak")
	case req.Logprobs && !card.Can(model.CanLogprobs):
		return cannot(card, "logprobs", "tell log probabilities")
	case req.Guardrail != nil:
		return cannot(card, "guardrailConfig", "apply a guardrail")
	}
	if c := req.ToolChoice; c.Mode == model.ChoiceNamed && !slices.ContainsFunc(req.Tools, func(t model.Tool) bool { return t.Name == c.Name }) {
		return model.Errorf(model.Invalid, "tool_choice", "tool_choice names %q, which is not among the tools.", c.Name)
	}
	for i, t := range req.Tools {
		if t.Opaque != nil {
			return cannot(card, fmt.Sprintf("tools.%d", i), "use the vendor's tool "+t.Title())
		}
	}
	for i, m := range req.Messages {
		for j, p := range m.Parts {
			if what := beyond(p, card); what != "" {
				return cannot(card, fmt.Sprintf("messages.%d.content.%d", i, j), what)
			}
		}
	}
	if card.ContextTokens > 0 && tokens > int64(card.ContextTokens) {
		return model.Errorf(model.ContextLength, "messages",
			"The request has %d tokens, but the context of %s holds %d.", tokens, card.ID, card.ContextTokens)
	}
	return checkThinking(req)
}

// beyond says what of a part the model of the card cannot do; nothing where it
// can.
func beyond(p model.Part, card *model.Card) string {
	need, what := model.Capability(""), ""
	switch p.(type) {
	case *model.Image:
		need, what = model.CanSeeImages, "see images"
	case *model.Audio:
		need, what = model.CanHearAudio, "hear audio"
	case *model.Video:
		need, what = model.CanWatchVideo, "watch video"
	case *model.Document:
		need, what = model.CanReadDocuments, "read documents"
	}
	if need == "" || card.Can(need) {
		return ""
	}
	return what
}

func cannot(card *model.Card, subject, what string) error {
	return model.Errorf(model.Unsupported, subject, "The model %s cannot %s.", card.ID, what).
		WithHint("Choose a model whose card lists the capability.")
}
