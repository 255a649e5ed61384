package agents

import (
	"encoding/base64"
	"io"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// The types of input events.
const (
	InputMessage          = "agent.session.input.message"
	InputCancel           = "agent.session.input.cancel"
	InputToolResult       = "agent.session.input.tool_result"
	InputMCPApproval      = "agent.session.input.mcp_approval_request_result"
	InputComputerApproval = "agent.session.input.computer_use_approval_request_result"
)

// The types of content in messages.
const (
	ContentText  = "input_text"
	ContentImage = "input_image"
)

// The decisions on a request for approval.
const (
	Approve = "approve"
	Deny    = "deny"
	Cancel  = "cancel"
)

// The types of [ApprovalResult.Kind].
const (
	ApprovalMCP            = "mcp_tool_call"
	ApprovalOrigin         = "browser_origin_access"
	ApprovalAuthentication = "browser_authentication"
)

// Bounds of input.
const (
	// MaxEvents is how many input events one request may hold.
	MaxEvents = 64
	// MaxMessages is how many messages one event may hold, and MaxParts how many
	// parts of content one message.
	MaxMessages = 64
	MaxParts    = 256
	// maxFields and maxFieldBytes bound what is filled into a login form.
	maxFields     = 6
	maxFieldBytes = 120 << 10
)

// UserMessage is what a user says.
type UserMessage struct {
	Content []InputContent `json:"content"`
}

// InputContent is a part of a message: a text, or an image by its URL or as a
// data: URL.
type InputContent struct {
	Type     string `json:"type"`
	Text     string `json:"text,omitzero"`
	ImageURL string `json:"image_url,omitzero"`
}

// InputEvent is something that happens to a session from outside. The member of
// its type is set; a cancellation has none.
type InputEvent struct {
	Type     string
	Messages []UserMessage
	Result   *ToolResult
	Approval *ApprovalResult
}

// ToolResult is what the client's function came to.
type ToolResult struct {
	TurnID, CallID string
	Success        bool
	// Text or Content is the output; both are nil where there is none.
	Text    *string
	Content []InputContent
	// Error is nil where the client named none.
	Error *string
}

// ApprovalResult is the answer to a request for approval.
type ApprovalResult struct {
	RequestID string
	// Kind is one of [ApprovalMCP], [ApprovalOrigin], [ApprovalAuthentication].
	Kind string
	// Decision is [Approve], [Deny] or [Cancel]. Filling in a login form counts
	// as [Approve].
	Decision string
	// Fields are what a login form is filled in with, by field id: secrets.
	// SelectedOption is the way of logging in; nil for none.
	Fields         map[string]string
	SelectedOption *string
}

// DecodeInputEvents reads a batch of input events. OpenAI takes an empty one.
func DecodeInputEvents(body []byte, mount Mount) ([]InputEvent, error) {
	v, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	if err := need(v, "events"); err != nil {
		return nil, err
	}
	var events []InputEvent
	members := fields{
		"events": func(v raw.Value) error { return list(mount.event)(v, &events) },
		// Ignored it would count twice what its sender means to count once.
		"idempotency_key": func(v raw.Value) error {
			return invalid(v, "it is no member of the body: send it as the header Idempotency-Key.")
		},
	}
	if err := mount.object(v, members); err != nil {
		return nil, err
	}
	switch n := len(events); {
	case n > MaxEvents:
		return nil, invalid(v.Get("events"), "it holds %d events; the limit is %d.", n, MaxEvents)
	case n == 0 && mount.Bedrock():
		return nil, invalid(v.Get("events"), "it must hold an event.")
	}
	return events, nil
}

func (m Mount) event(v raw.Value, dst *InputEvent) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	if err := oneOf(InputMessage, InputCancel, InputToolResult, InputMCPApproval, InputComputerApproval)(v.Get("type"), &dst.Type); err != nil {
		return err
	}
	switch dst.Type {
	case InputMessage:
		if err := need(v, "input"); err != nil {
			return err
		}
		return m.object(v, fields{"type": never, "input": func(v raw.Value) error { return m.messages(v, &dst.Messages) }})
	case InputToolResult:
		dst.Result = &ToolResult{}
		return m.toolResult(v, dst.Result)
	case InputMCPApproval, InputComputerApproval:
		dst.Approval = &ApprovalResult{}
		return m.approval(v, dst)
	}
	return m.object(v, fields{"type": never})
}

// input reads the initial input of a session: a text, or messages.
func (m Mount) input(v raw.Value, dst *[]UserMessage) error {
	if !v.IsString() {
		return m.messages(v, dst)
	}
	var said string
	if err := name(0)(v, &said); err != nil {
		return err
	}
	*dst = []UserMessage{{Content: []InputContent{{Type: ContentText, Text: said}}}}
	return nil
}

func (m Mount) messages(v raw.Value, dst *[]UserMessage) error {
	if err := list(m.message)(v, dst); err != nil {
		return err
	}
	return count(v, len(*dst), MaxMessages, "messages")
}

func count(v raw.Value, n, limit int, what string) error {
	switch {
	case n == 0:
		return invalid(v, "it must not be empty.")
	case n > limit:
		return invalid(v, "it holds %d %s; the limit is %d.", n, what, limit)
	}
	return nil
}

func (m Mount) message(v raw.Value, dst *UserMessage) error {
	if err := need(v, "role", "content"); err != nil {
		return err
	}
	var is string
	return m.object(v, fields{
		"type":    value(&is, oneOf("message")),
		"role":    func(v raw.Value) error { return oneOf("user")(v, &is) },
		"content": func(v raw.Value) error { return m.content(v, &dst.Content) },
	})
}

func (m Mount) content(v raw.Value, dst *[]InputContent) error {
	if err := list(m.part)(v, dst); err != nil {
		return err
	}
	return count(v, len(*dst), MaxParts, "parts")
}

func (m Mount) part(v raw.Value, dst *InputContent) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	if err := oneOf(ContentText, ContentImage)(v.Get("type"), &dst.Type); err != nil {
		return err
	}
	if dst.Type == ContentText {
		if err := need(v, "text"); err != nil {
			return err
		}
		return m.object(v, fields{"type": never, "text": func(v raw.Value) error { return text(v, &dst.Text) }})
	}
	if err := need(v, "image_url"); err != nil {
		return err
	}
	return m.object(v, fields{"type": never, "image_url": func(v raw.Value) error { return imageURL(v, &dst.ImageURL) }})
}

// imageURL reads where an image is, or the image itself as a data: URL.
func imageURL(v raw.Value, dst *string) error {
	if err := name(0)(v, dst); err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(*dst, "data:"); ok {
		head, data, found := strings.Cut(rest, ",")
		if !found || !strings.HasPrefix(head, "image/") || !strings.HasSuffix(head, ";base64") {
			return invalid(v, "a data: URL of an image looks like 'data:image/png;base64,…'.")
		}
		// A broken image would stay in the session, and fail all its turns.
		if n, err := io.Copy(io.Discard, base64.NewDecoder(base64.StdEncoding, strings.NewReader(data))); err != nil || n == 0 {
			return invalid(v, "the data: URL holds no standard, padded base64.")
		}
		return nil
	}
	u, err := url.Parse(*dst)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return invalid(v, "it must be a URL that begins with https://, http:// or data:.")
	}
	return nil
}

func (m Mount) toolResult(v raw.Value, dst *ToolResult) error {
	if err := need(v, "turn_id", "call_id", "success"); err != nil {
		return err
	}
	return m.object(v, fields{
		"type":    never,
		"turn_id": func(v raw.Value) error { return name(0)(v, &dst.TurnID) },
		"call_id": func(v raw.Value) error { return name(0)(v, &dst.CallID) },
		"success": func(v raw.Value) error { return boolean(v, &dst.Success) },
		"error":   value(&dst.Error, pointer(text)),
		"output": func(v raw.Value) error {
			switch {
			case v.IsNull():
				return nil
			case v.IsString():
				return pointer(text)(v, &dst.Text)
			case v.IsArray():
				return list(m.part)(v, &dst.Content)
			}
			return v.WrongType("a string, an array of content or null")
		},
	})
}

// approval reads the answer to a request for approval; each event takes the
// kinds of its own.
func (m Mount) approval(v raw.Value, dst *InputEvent) error {
	if err := need(v, "request_id", "response"); err != nil {
		return err
	}
	a, kinds := dst.Approval, []string{ApprovalMCP}
	if dst.Type == InputComputerApproval {
		kinds = []string{ApprovalOrigin, ApprovalAuthentication}
	}
	return m.object(v, fields{
		"type":       never,
		"request_id": func(v raw.Value) error { return name(0)(v, &a.RequestID) },
		"response": func(v raw.Value) error {
			if err := need(v, "type"); err != nil {
				return err
			}
			if err := oneOf(kinds...)(v.Get("type"), &a.Kind); err != nil {
				return err
			}
			if a.Kind == ApprovalAuthentication {
				return m.authentication(v, a)
			}
			if err := need(v, "decision"); err != nil {
				return err
			}
			return m.object(v, fields{"type": never,
				"decision": func(v raw.Value) error { return oneOf(Approve, Deny, Cancel)(v, &a.Decision) }})
		},
	})
}

// authentication reads how a login form is filled in.
func (m Mount) authentication(v raw.Value, dst *ApprovalResult) error {
	if err := need(v, "action"); err != nil {
		return err
	}
	var action string
	if err := oneOf("submit", "cancel")(v.Get("action"), &action); err != nil {
		return err
	}
	if action == "cancel" {
		dst.Decision = Cancel
		return m.object(v, fields{"type": never, "action": never})
	}
	dst.Decision, dst.Fields = Approve, map[string]string{}
	if err := need(v, "fields"); err != nil {
		return err
	}
	err := m.object(v, fields{
		"type": never, "action": never,
		"fields":          func(v raw.Value) error { return v.Items(func(_ int, one raw.Value) error { return m.field(one, dst) }) },
		"selected_option": value(&dst.SelectedOption, pointer(text)),
	})
	if err != nil {
		return err
	}
	size, err := json.Marshal(struct {
		Fields map[string]string
		Option *string
	}{dst.Fields, dst.SelectedOption})
	switch {
	case err != nil:
		return invalid(v.Get("fields"), "it is not text.")
	case len(dst.Fields) > maxFields:
		return invalid(v.Get("fields"), "it holds %d fields; the limit is %d.", len(dst.Fields), maxFields)
	case len(size) > maxFieldBytes:
		return invalid(v.Get("fields"), "what is filled in has more than %d bytes.", maxFieldBytes)
	}
	return nil
}

func (m Mount) field(v raw.Value, dst *ApprovalResult) error {
	if err := need(v, "field_id", "value"); err != nil {
		return err
	}
	var id, with string
	err := m.object(v, fields{
		"field_id": func(v raw.Value) error { return name(0)(v, &id) },
		"value":    func(v raw.Value) error { return text(v, &with) },
	})
	if _, twice := dst.Fields[id]; err == nil && twice {
		return invalid(v.Get("field_id"), "it is filled in twice.")
	}
	dst.Fields[id] = with
	return err
}
