package invoke

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Chat templates of the prompt bodies. A prompt that follows its family's
// template becomes messages; otherwise parse returns nil and the caller keeps
// the text as one user message.

// headers is a template whose messages start with a role between two tokens.
type headers struct{ begin, open, shut, end string }

var (
	llama3 = headers{"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}
	llama4 = headers{"<|begin_of_text|>", "<|header_start|>", "<|header_end|>", "<|eot|>"}
)

// parse reads a prompt; nil when it does not follow the template.
func (h headers) parse(prompt string) []model.Message {
	s := strings.TrimPrefix(strings.TrimSpace(prompt), h.begin)
	var msgs []model.Message
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		rest, ok := strings.CutPrefix(s, h.open)
		role, content, found := strings.Cut(rest, h.shut)
		r := model.Role(strings.TrimSpace(role))
		if !ok || !found || r != model.RoleSystem && r != model.RoleUser && r != model.RoleAssistant {
			return nil
		}
		text, after, ended := strings.Cut(content, h.end)
		if !ended && r != model.RoleAssistant || strings.Contains(text, h.open) {
			return nil
		}
		if text = strings.TrimSpace(text); text != "" {
			msgs = append(msgs, model.Message{Role: r, Parts: []model.Part{&model.Text{Text: text}}})
		}
		s = after
	}
	return msgs
}

// render writes messages as a prompt that asks for the assistant's next one. A
// last message of the assistant's is left open, to be continued.
func (h headers) render(turns []plainTurn) string {
	var b strings.Builder
	b.WriteString(h.begin)
	for i, t := range turns {
		b.WriteString(h.open + string(t.role) + h.shut + "\n\n" + t.text)
		if i == len(turns)-1 && t.role == model.RoleAssistant {
			return b.String()
		}
		b.WriteString(h.end)
	}
	b.WriteString(h.open + string(model.RoleAssistant) + h.shut + "\n\n")
	return b.String()
}

const (
	instOpen, instShut = "[INST]", "[/INST]"
	sysOpen, sysShut   = "<<SYS>>", "<</SYS>>"
	bos, eos           = "<s>", "</s>"
)

// parseInst reads the [INST] template of Llama 2 and Mistral; nil when the
// prompt does not follow it.
func parseInst(prompt string) []model.Message {
	var msgs []model.Message
	add := func(r model.Role, text string) {
		if text = strings.TrimSpace(text); text != "" {
			msgs = append(msgs, model.Message{Role: r, Parts: []model.Part{&model.Text{Text: text}}})
		}
	}
	for s := strings.TrimSpace(prompt); s != ""; s = strings.TrimSpace(s) {
		s = strings.TrimSpace(strings.TrimPrefix(s, bos))
		rest, ok := strings.CutPrefix(s, instOpen)
		user, rest, found := strings.Cut(rest, instShut)
		if !ok || !found {
			return nil
		}
		user = strings.TrimSpace(user)
		if sys, isSys := strings.CutPrefix(user, sysOpen); isSys && len(msgs) == 0 {
			system, said, ended := strings.Cut(sys, sysShut)
			if !ended {
				return nil
			}
			add(model.RoleSystem, system)
			user = said
		}
		add(model.RoleUser, user)
		answer, after, ended := strings.Cut(rest, eos)
		if strings.Contains(answer, instOpen) {
			return nil
		}
		add(model.RoleAssistant, answer)
		s = after
		if !ended {
			break
		}
	}
	return msgs
}

// renderInst writes messages in Mistral's template; system text leads the
// first user message, as the template wants.
func renderInst(turns []plainTurn) string {
	var b strings.Builder
	b.WriteString(bos)
	system := ""
	for _, t := range turns {
		switch t.role {
		case model.RoleSystem:
			system += t.text + "\n\n"
		case model.RoleUser:
			b.WriteString(instOpen + " " + system + t.text + " " + instShut)
			system = ""
		default:
			b.WriteString(" " + t.text + eos)
		}
	}
	return strings.TrimSuffix(b.String(), eos)
}

const titanUser, titanBot = "User:", "Bot:"

// parseTitan reads Titan's "User: … Bot:" template, each at the start of a
// line and the last one Bot; nil when the prompt does not follow it.
func parseTitan(prompt string) []model.Message {
	if !strings.HasPrefix(prompt, titanUser) {
		return nil
	}
	var msgs []model.Message
	role := model.Role("")
	for _, line := range strings.Split(prompt, "\n") {
		next := role
		if text, ok := strings.CutPrefix(line, titanUser); ok {
			line, next = text, model.RoleUser
		} else if text, ok := strings.CutPrefix(line, titanBot); ok {
			line, next = text, model.RoleAssistant
		} else {
			t := msgs[len(msgs)-1].Parts[0].(*model.Text)
			t.Text += "\n" + line
			continue
		}
		if next == role {
			return nil
		}
		role = next
		msgs = append(msgs, model.Message{Role: role, Parts: []model.Part{&model.Text{Text: line}}})
	}
	if role != model.RoleAssistant {
		return nil
	}
	var out []model.Message
	for _, m := range msgs {
		t := m.Parts[0].(*model.Text)
		if t.Text = strings.TrimSpace(t.Text); t.Text != "" {
			out = append(out, m)
		}
	}
	return out
}

// renderTitan writes messages in Titan's template; system text comes first.
func renderTitan(turns []plainTurn) string {
	var b strings.Builder
	for _, t := range turns {
		switch t.role {
		case model.RoleSystem:
			b.WriteString(t.text + "\n\n")
		case model.RoleUser:
			b.WriteString(titanUser + " " + t.text + "\n")
		default:
			b.WriteString(titanBot + " " + t.text + "\n")
		}
	}
	return b.String() + titanBot
}

// userTurn keeps a prompt without template as one user message, unchanged.
func userTurn(prompt string) []model.Message { return []model.Message{model.UserText(prompt)} }

// plainTurn is a message as text.
type plainTurn struct {
	role model.Role
	text string
}

// plain turns messages into text, joining neighbours of one role. Tokens of
// the template inside a text are taken out, so that content cannot pose as
// another message. Pictures go to image, which says whether it could take one.
func plain(msgs []model.Message, l *lost, tokens []string, image func(*model.Image) bool) []plainTurn {
	var turns []plainTurn
	for i, m := range msgs {
		role := m.Role
		if role == model.RoleDeveloper {
			role = model.RoleSystem
		}
		text := ""
		for j, p := range m.Parts {
			path := "messages." + itoa(i) + ".parts." + itoa(j)
			text += plainPart(p, path, l, image)
		}
		for _, t := range tokens {
			l.minor(strings.Contains(text, t), "messages."+itoa(i), "The template's token %s is taken out of the text.", t)
			text = strings.ReplaceAll(text, t, "")
		}
		if n := len(turns); n > 0 && turns[n-1].role == role {
			turns[n-1].text += "\n\n" + text
			continue
		}
		turns = append(turns, plainTurn{role, text})
	}
	return turns
}

func plainPart(p model.Part, path string, l *lost, image func(*model.Image) bool) string {
	switch p := p.(type) {
	case *model.Text:
		return p.Text
	case *model.Refusal:
		return p.Text
	case *model.Guard:
		l.major(p.Image != nil, path, "This model's native body takes no pictures here.")
		return p.Text
	case *model.Image:
		l.major(!image(p), path, "This model's native body cannot carry this picture.")
	case *model.Reasoning:
		l.minor(true, path, "This model's native body holds no reasoning.")
	case *model.CachePoint:
		l.minor(true, path, "This model's native body has no cache points.")
	default:
		l.major(true, path, "This model's native body takes text only.")
	}
	return ""
}

func noImages(*model.Image) bool { return false }
