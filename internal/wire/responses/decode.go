package responses

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Resolver returns the stored item that an item_reference names, as raw JSON;
// it answers an *model.Error of kind NotFound for an unknown id.
type Resolver func(id string) ([]byte, error)

// DecodeRequest reads the body of POST /v1/responses, or of a WebSocket
// response.create. Unknown members are kept in Request.Extra, unknown items
// and content become model.Opaque. resolve may be nil: item references are
// then refused. Errors are *model.Error of kind Invalid whose Subject is the
// member's path; a body nested deeper than raw.MaxDepth is refused.
func DecodeRequest(body []byte, resolve Resolver) (*model.Request, *Options, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, nil, err
	}
	d := &requestDecoder{root: root, items: itemDecoder{resolve: resolve}}
	if err := root.Members(d.member); err != nil {
		return nil, nil, err
	}
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	d.req.Messages = append(d.lead, d.items.msgs...)
	d.req.Extra = d.extra.Opaque(dialect)
	d.req.Stream = d.opts.Stream
	d.req.Metadata = d.opts.Metadata
	d.req.Logprobs = d.opts.Included(includeLogprobs)
	if d.opts.Included(includeEncrypted) {
		d.reasoning().Encrypted = true
	}
	return &d.req, &d.opts, nil
}

type requestDecoder struct {
	root  raw.Value
	req   model.Request
	opts  Options
	lead  []model.Message
	items itemDecoder
	extra raw.Extra
	input bool
}

// check finds what only the whole body shows.
func (d *requestDecoder) check() error {
	o := &d.opts
	switch {
	case d.req.Model == "" && o.Prompt == nil:
		return d.root.Missing("model")
	case o.PreviousResponseID != "" && o.Conversation != "":
		e := d.root.Get("conversation").Error("Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing one of them.")
		e.Code = "mutually_exclusive_parameters"
		return e
	case !d.input && o.PreviousResponseID == "" && o.Conversation == "" && o.Prompt == nil && (o.Generate == nil || *o.Generate):
		return d.root.Missing("input")
	}
	return nil
}

func (d *requestDecoder) member(key string, v raw.Value) error {
	if known, err := d.opts.option(key, v); known {
		return err
	}
	if known, err := sampling(&d.req, key, v); known {
		return err
	}
	req := &d.req
	switch key {
	case "type", "access_programs":
		return nil // "response.create"; a grant of the vendor's own
	case "model":
		return v.String(&req.Model)
	case "input":
		return d.readInput(v)
	case "instructions":
		return d.instructions(v)
	case "parallel_tool_calls":
		return v.BoolPtr(&req.ParallelTools)
	case "tools":
		return d.tools(v)
	case "tool_choice":
		return d.toolChoice(v)
	case "text":
		return d.text(v)
	case "reasoning":
		return d.reason(v)
	case "service_tier":
		return v.String(&req.ServiceTier)
	case "prompt_cache_key":
		return v.String(&req.CacheKey)
	case "user":
		return v.String(&req.User)
	}
	if v.Given() {
		d.extra.Add(key, v)
	}
	return nil
}

func (d *requestDecoder) readInput(v raw.Value) error {
	d.input = v.Given()
	switch {
	case v.IsNull():
		return nil
	case v.IsString():
		d.items.msgs = []model.Message{model.UserText(v.Text())}
		return nil
	case !v.IsArray():
		return v.WrongType("a string or an array of items")
	}
	return d.items.list(v)
}

// instructions lead the messages and are marked so that a chain does not carry them over.
func (d *requestDecoder) instructions(v raw.Value) error {
	switch {
	case v.IsNull():
		return nil
	case v.IsString():
		d.lead = []model.Message{model.SystemText(v.Text())}
	case v.IsArray():
		items := itemDecoder{resolve: d.items.resolve}
		if err := items.list(v); err != nil {
			return err
		}
		d.lead = items.msgs
	default:
		return v.WrongType("a string")
	}
	for i := range d.lead {
		d.lead[i].Transient = true
	}
	d.opts.RawInstructions = v.Compact()
	return nil
}

// text reads the form the answer's text is to have.
func (d *requestDecoder) text(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	var rest raw.Extra
	err := v.Members(func(key string, m raw.Value) error {
		switch {
		case m.IsNull():
		case key == "verbosity":
			return m.String(&d.req.Verbosity)
		case key == "format":
			return d.format(m)
		default:
			rest.Add(key, m)
		}
		return nil
	})
	if o := rest.Opaque(dialect); o != nil {
		d.extra.AddRaw("text", o.Raw)
	}
	return err
}

func (d *requestDecoder) format(v raw.Value) error {
	var kind string
	if err := need(v, "type", &kind); err != nil {
		return err
	}
	if err := oneOf(v.Get("type"), "text", "json_schema", "json_object"); err != nil {
		return err
	}
	f := &model.Format{Kind: model.FormatKind(kind)}
	d.req.Format = f
	if f.Kind != model.FormatSchema {
		return nil
	}
	if err := need(v, "name", &f.Name); err != nil {
		return err
	}
	schema := v.Get("schema")
	if !schema.IsObject() {
		if !schema.Exists() {
			return v.Missing("schema")
		}
		return schema.WrongType("an object")
	}
	f.Schema = schema.Compact()
	if m := v.Get("strict"); m.Given() {
		if err := m.BoolPtr(&f.Strict); err != nil {
			return err
		}
	}
	return v.Get("description").OptString(&f.Description)
}

func (d *requestDecoder) reasoning() *model.ReasoningConfig {
	if d.req.Reasoning == nil {
		d.req.Reasoning = &model.ReasoningConfig{}
	}
	return d.req.Reasoning
}

func (d *requestDecoder) reason(v raw.Value) error {
	if v.IsNull() {
		return nil
	}
	var rest raw.Extra
	err := v.Members(func(key string, m raw.Value) error {
		switch {
		case m.IsNull():
		case key == "effort":
			return m.String(&d.reasoning().Effort)
		case key == "summary", key == "generate_summary":
			return m.String(&d.reasoning().Summary)
		default:
			rest.Add(key, m)
		}
		return nil
	})
	if o := rest.Opaque(dialect); o != nil {
		d.extra.AddRaw("reasoning", o.Raw)
	}
	return err
}
