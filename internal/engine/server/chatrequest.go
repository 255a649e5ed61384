package server

import (
	"strings"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// chatRequest is the body of OpenAI's create chat completion, as far as a local
// text model can honour it, with llama-server's additions.
type chatRequest struct {
	samplingRequest
	Model               string          `json:"model"`
	Messages            []chatMessage   `json:"messages"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Tools               []chatTool      `json:"tools"`
	ToolChoice          toolChoice      `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *responseFormat `json:"response_format"`
	Logprobs            bool            `json:"logprobs"`
	TopLogprobs         *int            `json:"top_logprobs"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	Modalities          []string        `json:"modalities"`
	Grammar             string          `json:"grammar"`
	TemplateVariables   map[string]any  `json:"chat_template_kwargs"`

	// Known to clients and without meaning here.
	Metadata         jsontext.Value `json:"metadata"`
	Store            jsontext.Value `json:"store"`
	ServiceTier      jsontext.Value `json:"service_tier"`
	SafetyIdentifier jsontext.Value `json:"safety_identifier"`
	PromptCacheKey   jsontext.Value `json:"prompt_cache_key"`
	CacheRetention   jsontext.Value `json:"prompt_cache_retention"`
}

type chatMessage struct {
	Role       string         `json:"role"`
	Content    content        `json:"content"`
	Name       string         `json:"name"`
	ToolCalls  []chatToolCall `json:"tool_calls"`
	ToolCallID string         `json:"tool_call_id"`
	Refusal    *string        `json:"refusal"`
	Reasoning  string         `json:"reasoning_content"`

	// Answers that clients send back carry these.
	Annotations jsontext.Value `json:"annotations"`
	Audio       jsontext.Value `json:"audio"`
}

type chatToolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Index    *int         `json:"index"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type chatTool struct {
	Type     string       `json:"type"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      *bool          `json:"strict"`
}

type responseFormat struct {
	Type       string        `json:"type"`
	JSONSchema *schemaFormat `json:"json_schema"`
}

type schemaFormat struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Schema      jsontext.Value `json:"schema"`
	Strict      *bool          `json:"strict"`
}

// content is a message's text: a string, null, or a list of text parts.
type content string

// UnmarshalJSONFrom reads any of the forms, and refuses parts that are no text.
func (c *content) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	switch in.PeekKind() {
	case 'n':
		*c = ""
		return in.SkipValue()
	case '"':
		return json.UnmarshalDecode(in, (*string)(c))
	}
	raw, err := in.ReadValue()
	if err != nil {
		return err
	}
	var parts []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	}
	// Without the request's options: members of other kinds of parts are not
	// known here, and the kind is what to complain about.
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	var texts []string
	for _, p := range parts {
		switch p.Type {
		case "text":
			texts = append(texts, p.Text)
		case "refusal":
			texts = append(texts, p.Refusal)
		default:
			return unsupported("messages", "A message has a part of type %q; this engine takes text only. Send it to a model with that modality.", p.Type)
		}
	}
	*c = content(strings.Join(texts, "\n"))
	return nil
}

// toolChoice is "none", "auto", "required" or the name of one function.
type toolChoice struct {
	mode string
	name string
}

// UnmarshalJSONFrom reads the string and the object form.
func (c *toolChoice) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '{' {
		return json.UnmarshalDecode(in, &c.mode)
	}
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if err := json.UnmarshalDecode(in, &named); err != nil {
		return err
	}
	if named.Type != "function" || named.Function.Name == "" {
		return unsupported("tool_choice", "tool_choice of type %q is not supported; name a function, or use none, auto or required.", named.Type)
	}
	c.mode, c.name = "required", named.Function.Name
	return nil
}

// conversation checks the messages and tools, and turns them into a template's.
func (q *chatRequest) conversation(o Options) (chat.Conversation, error) {
	c := chat.Conversation{Reply: true, Now: o.Now(), Variables: map[string]any{}}
	if len(q.Messages) == 0 {
		return c, invalid("messages", "messages is empty; send at least one.")
	}
	for i, m := range q.Messages {
		converted, err := m.convert()
		if err != nil {
			return c, invalid("messages", "messages[%d]: %v", i, err)
		}
		c.Messages = append(c.Messages, converted)
	}
	q.nameResults(c.Messages)
	if q.ReasoningEffort != "" {
		c.Variables["reasoning_effort"] = q.ReasoningEffort
		c.Variables["enable_thinking"] = q.ReasoningEffort != "none"
	}
	for name, value := range q.TemplateVariables {
		c.Variables[name] = value
	}
	tools, err := q.tools()
	c.Tools = tools
	return c, err
}

func (m chatMessage) convert() (chat.Message, error) {
	out := chat.Message{Role: m.Role, Content: string(m.Content), Name: m.Name, Reasoning: m.Reasoning, CallID: m.ToolCallID}
	switch m.Role {
	case "developer":
		out.Role = chat.RoleSystem
	case chat.RoleSystem, chat.RoleUser, chat.RoleAssistant, chat.RoleTool:
	default:
		return out, invalid("messages", "role %q is not known; use system, developer, user, assistant or tool", m.Role)
	}
	if len(m.Audio) > 0 && m.Audio.Kind() != 'n' {
		return out, unsupported("messages", "audio is not supported by this engine")
	}
	for _, call := range m.ToolCalls {
		if call.Type != "function" && call.Type != "" {
			return out, unsupported("messages", "tool calls of type %q are not supported; only functions are", call.Type)
		}
		if call.Function.Arguments != "" && !jsontext.Value(call.Function.Arguments).IsValid() {
			return out, invalid("messages", "the arguments of tool call %q are not valid JSON", call.ID)
		}
		out.Calls = append(out.Calls, chat.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments})
	}
	return out, nil
}

// nameResults gives tool messages the name of the call they answer: some
// templates show it.
func (q *chatRequest) nameResults(messages []chat.Message) {
	names := map[string]string{}
	for i := range messages {
		for _, call := range messages[i].Calls {
			names[call.ID] = call.Name
		}
		if messages[i].Role == chat.RoleTool && messages[i].Name == "" {
			messages[i].Name = names[messages[i].CallID]
		}
	}
}

// tools answers the tools the model may use in this turn.
func (q *chatRequest) tools() ([]chat.Tool, error) {
	if q.ToolChoice.mode == "none" {
		return nil, nil
	}
	var out []chat.Tool
	seen := map[string]bool{}
	for i, t := range q.Tools {
		if t.Type != "function" {
			return nil, unsupported("tools", "tools[%d] is of type %q; this engine takes functions only.", i, t.Type)
		}
		f := t.Function
		if f.Name == "" || seen[f.Name] {
			return nil, invalid("tools", "tools[%d]: every function needs a name of its own.", i)
		}
		seen[f.Name] = true
		if len(f.Parameters) > 0 && f.Parameters.Kind() == 'n' {
			f.Parameters = nil
		}
		out = append(out, chat.Tool{Name: f.Name, Description: f.Description, Parameters: f.Parameters, Strict: f.Strict != nil && *f.Strict})
	}
	if q.ToolChoice.mode == "required" && len(out) == 0 {
		return nil, invalid("tool_choice", "tool_choice demands a tool call but tools is empty.")
	}
	if q.ToolChoice.name != "" && !seen[q.ToolChoice.name] {
		return nil, invalid("tool_choice", "tool_choice names the function %q, which is not among tools.", q.ToolChoice.name)
	}
	return out, nil
}
