package responses

import (
	"encoding/base64"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Other vendors' proofs of thinking travel in encrypted_content under these
// marks, so that they return to their vendor and never reach OpenAI.
const (
	markSignature = "craton:signature:"
	markRedacted  = "craton:redacted:"
)

// reasoning reads a reasoning item: one part for each summary and text. The
// encrypted thinking stands with the last of them.
func (d *itemDecoder) reasoning(v raw.Value) error {
	parts, err := reasoningParts(v, !d.upstream)
	if err != nil {
		return err
	}
	d.assistant(parts...)
	return nil
}

// reasoningParts reads the parts of a reasoning item. Other vendors' thinking
// is unsealed where the item comes back from a client; in an upstream's answer
// it is that upstream's own affair and stays sealed.
func reasoningParts(v raw.Value, open bool) ([]model.Part, error) {
	var id string
	if err := v.Get("id").OptString(&id); err != nil {
		return nil, err
	}
	var list []*model.Reasoning
	known := true
	read := func(member, kind string, summary bool) error {
		m := v.Get(member)
		if !m.Given() {
			return nil
		}
		return m.Items(func(_ int, t raw.Value) error {
			known = known && t.Get("type").Text() == kind
			r := &model.Reasoning{ID: id, Summary: summary}
			list = append(list, r)
			return t.Get("text").OptString(&r.Text)
		})
	}
	if err := read("summary", "summary_text", true); err != nil {
		return nil, err
	}
	if err := read("content", "reasoning_text", false); err != nil {
		return nil, err
	}
	if !known {
		return []model.Part{&model.Opaque{Dialect: dialect, Raw: v.Compact()}}, nil
	}
	if len(list) == 0 {
		list = []*model.Reasoning{{ID: id}}
	}
	var secret string
	if err := v.Get("encrypted_content").OptString(&secret); err != nil {
		return nil, err
	}
	last := list[len(list)-1]
	if !open {
		last.Signature = secret
	} else if unseal(last, secret) {
		for _, r := range list {
			r.ID = ""
		}
	}
	parts := make([]model.Part, len(list))
	for i, r := range list {
		parts[i] = r
	}
	return parts, nil
}

// unseal stores encrypted thinking in r and reports whether it is another vendor's.
func unseal(r *model.Reasoning, secret string) (foreign bool) {
	if rest, ok := strings.CutPrefix(secret, markSignature); ok {
		r.Signature = rest
		return true
	}
	if rest, ok := strings.CutPrefix(secret, markRedacted); ok {
		if data, err := base64.StdEncoding.DecodeString(rest); err == nil {
			r.Redacted = data
			return true
		}
	}
	r.Signature = secret
	return false
}

// seal is the encrypted_content of thinking; empty when there is none.
func seal(r *model.Reasoning) string {
	switch {
	case r.Redacted != nil:
		return markRedacted + base64.StdEncoding.EncodeToString(r.Redacted)
	case r.Signature != "" && r.ID == "":
		return markSignature + r.Signature
	}
	return r.Signature
}

// writeReasoning writes the item that parts of one id make up.
func writeReasoning(b *raw.Builder, id, status string, parts []*model.Reasoning) {
	secret, texts := "", 0
	b.Open('{')
	b.Str("type", "reasoning")
	b.StrIf("id", id)
	b.Key("summary")
	b.Open('[')
	for _, r := range parts {
		if r.Summary && r.Text != "" {
			writeTextPart(b, "summary_text", r.Text)
		}
		if !r.Summary && r.Text != "" {
			texts++
		}
		secret = first(seal(r), secret)
	}
	b.Close(']')
	if texts > 0 {
		b.Key("content")
		b.Open('[')
		for _, r := range parts {
			if !r.Summary && r.Text != "" {
				writeTextPart(b, "reasoning_text", r.Text)
			}
		}
		b.Close(']')
	}
	b.StrNull("encrypted_content", secret)
	b.StrIf("status", status)
	b.Close('}')
}

func writeTextPart(b *raw.Builder, kind, text string) {
	b.Open('{')
	b.Str("type", kind)
	b.Str("text", text)
	b.Close('}')
}
