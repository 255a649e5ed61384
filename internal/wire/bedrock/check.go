package bedrock

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// maxDocuments is how many documents one Converse request may hold.
const maxDocuments = 5

// Check applies the rules Converse has beyond the shape of a request, to a
// request that DecodeRequest made: alternating turns, paired tool results,
// content that is not blank, admissible documents. It returns the first
// violation in the service's own words, as an *model.Error of kind Invalid, or
// nil. It does not change req.
func Check(req *model.Request) error {
	c := &checker{names: map[string]bool{}}
	msgs := req.Messages
	if systemField(req) {
		msgs = msgs[1:]
	}
	for _, rule := range []func([]model.Message) *model.Error{
		c.turns, c.content, func(m []model.Message) *model.Error { return c.toolConfig(req, m) }, c.pairing, c.documents,
	} {
		if err := rule(msgs); err != nil {
			return err
		}
	}
	return nil
}

type checker struct {
	names map[string]bool
}

func violation(path, format string, args ...any) *model.Error {
	return model.Errorf(model.Invalid, path, format, args...)
}

// turns wants a user first and alternation after. Messages of role system
// change tools between turns and count for neither.
func (c *checker) turns(msgs []model.Message) *model.Error {
	last := model.Role("")
	for i, m := range msgs {
		if m.Role == model.RoleSystem {
			continue
		}
		if last == "" && m.Role != model.RoleUser {
			return violation(fmt.Sprintf("messages.%d.role", i),
				"A conversation must start with a user message. Try again with a conversation that starts with a user message.")
		}
		if m.Role == last {
			return violation(fmt.Sprintf("messages.%d.role", i),
				"A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
		}
		last = m.Role
	}
	return nil
}

// content wants every message to say something. Tool results alone may be
// empty, unless they report an error.
func (c *checker) content(msgs []model.Message) *model.Error {
	for i, m := range msgs {
		if len(m.Parts) == 0 {
			return violation(fmt.Sprintf("messages.%d.content", i),
				"The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
		}
		for j, p := range m.Parts {
			path := fmt.Sprintf("messages.%d.content.%d", i, j)
			switch p := p.(type) {
			case *model.Text:
				if strings.TrimSpace(p.Text) == "" && len(p.Citations) == 0 {
					return violation(path,
						"The text field in the ContentBlock object at %s is blank. Add text to the text field, and try again.", path)
				}
			case *model.ToolResult:
				if p.Error && emptyResult(p.Content) {
					return violation(path+".toolResult",
						"The content field at %s.toolResult cannot be empty when status value is error.", path)
				}
			}
		}
	}
	return nil
}

func emptyResult(parts []model.Part) bool {
	for _, p := range parts {
		if t, ok := p.(*model.Text); !ok || strings.TrimSpace(t.Text) != "" {
			return false
		}
	}
	return true
}

// toolConfig must come with tool use and results.
func (c *checker) toolConfig(req *model.Request, msgs []model.Message) *model.Error {
	if len(req.Tools) > 0 {
		return nil
	}
	for i, m := range msgs {
		for j, p := range m.Parts {
			switch p.(type) {
			case *model.ToolCall, *model.ToolResult:
				return violation(fmt.Sprintf("messages.%d.content.%d", i, j),
					"The toolConfig field must be defined when using toolUse and toolResult content blocks.")
			}
		}
	}
	return nil
}

// pairing wants every tool use answered in the next user turn, and no more
// results than uses. Tools the service runs are answered in the same message.
func (c *checker) pairing(msgs []model.Message) *model.Error {
	var waiting []string
	for i, m := range msgs {
		switch m.Role {
		case model.RoleUser:
			answered, results := resultIDs(m)
			var missing []string
			for _, id := range waiting {
				if !answered[id] {
					missing = append(missing, id)
				}
			}
			path := fmt.Sprintf("messages.%d.content", i)
			if len(missing) > 0 {
				return violation(path, "Expected toolResult blocks at %s for the following Ids: %s", path, strings.Join(missing, ", "))
			}
			if results > len(waiting) {
				return violation(path,
					"The number of toolResult blocks at %s exceeds the number of toolUse blocks of previous turn.", path)
			}
			waiting = nil
		case model.RoleAssistant:
			waiting = waiting[:0:0]
			for _, call := range m.ToolCalls() {
				if !call.Server {
					waiting = append(waiting, call.ID)
				}
			}
		}
	}
	return nil
}

func resultIDs(m model.Message) (ids map[string]bool, n int) {
	ids = map[string]bool{}
	for _, p := range m.Parts {
		if r, ok := p.(*model.ToolResult); ok && !r.Server {
			ids[r.CallID] = true
			n++
		}
	}
	return ids, n
}

// documents checks names and number over the whole request.
func (c *checker) documents(msgs []model.Message) *model.Error {
	for i, m := range msgs {
		for j, p := range m.Parts {
			d, ok := p.(*model.Document)
			if !ok {
				continue
			}
			if err := c.document(d, fmt.Sprintf("messages.%d.content.%d.document", i, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) document(d *model.Document, path string) *model.Error {
	switch {
	case !validDocumentName(d.Name):
		return violation(path+".name", "The document file name can only contain alphanumeric characters, "+
			"whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one "+
			"consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request.")
	case c.names[d.Name]:
		return violation(path+".name", "Messages can't contain duplicate document names.")
	}
	c.names[d.Name] = true
	if len(c.names) > maxDocuments {
		return violation(path, "You can't include more than %d documents in a request.", maxDocuments)
	}
	return nil
}
