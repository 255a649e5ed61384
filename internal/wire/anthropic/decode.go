package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// dialect marks what this package keeps verbatim.
const dialect = model.DialectAnthropic

// DecodeRequest reads the body of POST /v1/messages. Unknown members are kept
// in Request.Extra, unknown blocks and blocks with unknown members become
// model.Opaque. Errors are *model.Error of kind Invalid whose Subject is the
// member's path; a body nested deeper than raw.MaxDepth is refused.
func DecodeRequest(body []byte) (*model.Request, error) {
	d, err := decode(body)
	if err != nil {
		return nil, err
	}
	switch {
	case d.req.Model == "":
		return nil, d.root.Missing("model")
	case d.req.MaxTokens == nil:
		return nil, d.root.Missing("max_tokens")
	}
	return d.finish()
}

// DecodeCountRequest reads the body of POST /v1/messages/count_tokens, where
// max_tokens is not required.
func DecodeCountRequest(body []byte) (*model.Request, error) {
	d, err := decode(body)
	if err != nil {
		return nil, err
	}
	if d.req.Model == "" {
		return nil, d.root.Missing("model")
	}
	return d.finish()
}

// DecodeInvoke reads a Bedrock InvokeModel body of this dialect, which names
// neither the model nor whether to stream: both come from the URL. Its
// anthropic_version is required by Bedrock and checked by nobody else.
func DecodeInvoke(body []byte, name string, stream bool) (*model.Request, error) {
	d, err := decode(body)
	if err != nil {
		return nil, err
	}
	if d.req.MaxTokens == nil {
		return nil, d.root.Missing("max_tokens")
	}
	d.req.Model, d.req.Stream = name, stream
	return d.finish()
}

// requestDecoder collects a request. System stands beside the messages in the
// dialect and before them in the hub, so it is kept until both are known.
type requestDecoder struct {
	root   raw.Value
	req    model.Request
	system []model.Part
	extra  raw.Extra
	seen   bool // messages was given
}

func decode(body []byte) (*requestDecoder, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	d := &requestDecoder{root: root}
	if err := root.Members(d.member); err != nil {
		return nil, err
	}
	if !d.seen {
		return nil, root.Missing("messages")
	}
	return d, nil
}

func (d *requestDecoder) finish() (*model.Request, error) {
	if len(d.system) > 0 {
		lead := model.Message{Role: model.RoleSystem, Parts: d.system}
		d.req.Messages = append([]model.Message{lead}, d.req.Messages...)
	}
	d.req.Extra = d.extra.Opaque(dialect)
	return &d.req, nil
}

func (d *requestDecoder) member(key string, v raw.Value) (err error) {
	req := &d.req
	switch key {
	case "model":
		return v.String(&req.Model)
	case "messages":
		d.seen = true
		return d.messages(v)
	case "system":
		if v.IsNull() {
			return nil
		}
		d.system, err = decodeContent(v)
		return err
	case "max_tokens":
		return atLeast(v, 1, v.IntPtr(&req.MaxTokens))
	case "stream":
		return v.Bool(&req.Stream)
	case "stop_sequences":
		return v.Strings(&req.Stop)
	case "temperature":
		return v.FloatPtr(&req.Temperature, 0, 1)
	case "top_p":
		return v.FloatPtr(&req.TopP, 0, 1)
	case "top_k":
		return atLeast(v, 0, v.IntPtr(&req.TopK))
	case "metadata":
		return d.metadata(v)
	case "anthropic_version":
		return nil // says how to read the body, not what is asked
	}
	return d.shape(key, v)
}

// shape reads the members that have structure of their own.
func (d *requestDecoder) shape(key string, v raw.Value) (err error) {
	switch key {
	case "tools":
		return d.tools(v)
	case "tool_choice":
		return d.toolChoice(v)
	case "thinking":
		return d.thinking(v)
	case "output_config":
		return d.outputConfig(v)
	case "output_format":
		d.req.Format, err = decodeFormat(v)
		return err
	case "service_tier":
		if err := v.String(&d.req.ServiceTier); err != nil {
			return err
		}
		d.req.ServiceTier = tierFromWire(d.req.ServiceTier)
		return nil
	}
	if raw.Twin(key, deciding) != "" {
		return unknownTwin(key)
	}
	if !v.IsNull() {
		d.extra.Add(key, v)
	}
	return nil
}

// atLeast checks a number just read, after its type was.
func atLeast(v raw.Value, low int64, err error) error {
	if err == nil && v.Given() && v.Num() < low {
		return v.Error("%sInput should be greater than or equal to %d", label(v.Path()), low)
	}
	return err
}

func (d *requestDecoder) metadata(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	return v.Members(func(key string, m raw.Value) error {
		if key == "user_id" {
			return m.String(&d.req.User)
		}
		var s string
		if err := m.String(&s); err != nil {
			return err
		}
		if d.req.Metadata == nil {
			d.req.Metadata = map[string]string{}
		}
		d.req.Metadata[key] = s
		return nil
	})
}

func (d *requestDecoder) messages(v raw.Value) error {
	err := v.Items(func(_ int, m raw.Value) error {
		msg, err := decodeMessage(m)
		d.req.Messages = append(d.req.Messages, msg)
		return err
	})
	if err == nil && len(d.req.Messages) == 0 {
		return refuse(v, "at least one message is required")
	}
	return err
}

func decodeMessage(v raw.Value) (model.Message, error) {
	var msg model.Message
	var role string
	if !v.IsObject() {
		return msg, v.WrongType("an object")
	}
	if err := need(v, "role", &role); err != nil {
		return msg, err
	}
	switch role {
	case "user", "assistant", "system":
		msg.Role = model.Role(role)
	default:
		return msg, refuse(v.Get("role"), "Input should be 'user', 'assistant' or 'system'")
	}
	content := v.Get("content")
	if !content.Exists() {
		return msg, v.Missing("content")
	}
	parts, err := decodeContent(content)
	msg.Parts = parts
	return msg, err
}

// thinking reads the thinking member; a type the hub does not know stays in Extra.
func (d *requestDecoder) thinking(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	var mode string
	if err := need(v, "type", &mode); err != nil {
		return err
	}
	if mode != "enabled" && mode != "disabled" && mode != "adaptive" || !v.Known("type", "budget_tokens", "display") {
		d.extra.Add("thinking", v)
		return nil
	}
	r := d.reasoning()
	r.Mode = mode
	if err := v.Get("display").OptString(&r.Display); err != nil {
		return err
	}
	if mode != "enabled" {
		return nil
	}
	budget := v.Get("budget_tokens")
	if !budget.Given() {
		return v.Missing("budget_tokens")
	}
	return atLeast(budget, 1024, budget.Int(&r.BudgetTokens))
}

func (d *requestDecoder) reasoning() *model.ReasoningConfig {
	if d.req.Reasoning == nil {
		d.req.Reasoning = &model.ReasoningConfig{}
	}
	return d.req.Reasoning
}

func (d *requestDecoder) outputConfig(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	var rest raw.Extra
	err := v.Members(func(key string, m raw.Value) (err error) {
		switch {
		case m.IsNull():
		case key == "effort":
			err = m.String(&d.reasoning().Effort)
		case key == "format":
			d.req.Format, err = decodeFormat(m)
		default:
			rest.Add(key, m)
		}
		return err
	})
	if o := rest.Opaque(dialect); o != nil && err == nil {
		d.extra.AddRaw("output_config", o.Raw)
	}
	return err
}

func decodeFormat(v raw.Value) (*model.Format, error) {
	if v.IsNull() {
		return nil, nil
	}
	var kind string
	if err := need(v, "type", &kind); err != nil {
		return nil, err
	}
	if kind != "json_schema" {
		return nil, refuse(v.Get("type"), "Input should be 'json_schema'")
	}
	schema := v.Get("schema")
	switch {
	case !schema.Exists():
		return nil, v.Missing("schema")
	case !schema.IsObject():
		return nil, schema.WrongType("an object")
	}
	return &model.Format{Kind: model.FormatSchema, Schema: schema.Compact()}, nil
}

func tierFromWire(tier string) string {
	switch tier {
	case "standard_only", "standard":
		return "default"
	}
	return tier
}
