package bedrock

import (
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Options tell encoders of answers what the wire package cannot know.
type Options struct {
	// Elapsed returns how long the answer has taken so far; it is called once,
	// when metrics.latencyMs is written. Nil means zero.
	Elapsed func() time.Duration
	// ResponsePaths are the request's additionalModelResponseFieldPaths.
	// "/stop_sequence" and "/delta/stop_sequence" are answered from the hub;
	// others only when the upstream is Bedrock itself.
	ResponsePaths []string
	// Latency is the performanceConfig latency mode to echo; empty for none.
	Latency string
}

func (o *Options) latencyMs() int64 {
	if o.Elapsed == nil {
		return 0
	}
	return o.Elapsed().Milliseconds()
}

type responseShape struct {
	Output struct {
		Message *messageShape `json:"message"`
	} `json:"output"`
	StopReason string            `json:"stopReason"`
	Usage      jsontext.Value    `json:"usage"`
	Metrics    metricsShape      `json:"metrics"`
	Fields     jsontext.Value    `json:"additionalModelResponseFields,omitzero"`
	Trace      jsontext.Value    `json:"trace,omitzero"`
	Perf       *performanceShape `json:"performanceConfig,omitzero"`
	Tier       *tierShape        `json:"serviceTier,omitzero"`
	Extra      jsontext.Value    `json:",embed"`
}

type metricsShape struct {
	LatencyMs int64 `json:"latencyMs"`
}

// DecodeResponse reads an upstream's Converse answer. Trace, additional fields
// and whatever else the hub does not model lie in Response.Extra. An answer
// that cannot be read is an *model.Error of kind UpstreamGarbage.
func DecodeResponse(body []byte) (*model.Response, error) {
	var s responseShape
	if err := object.ParseAnswer(body, &s); err != nil {
		return nil, garbage(err)
	}
	if s.Output.Message == nil || s.StopReason == "" {
		return nil, garbage(model.Errorf(model.Invalid, "output.message", "The answer has no message or no stopReason."))
	}
	parts, err := partsOf(s.Output.Message.Content, "output.message.content")
	if err != nil {
		return nil, garbage(err)
	}
	meta := metadataOf(s.Usage, s.Tier, s.Perf, s.Trace, s.Fields)
	meta.extra = append(meta.extra, object.Members(s.Extra)...)
	return &model.Response{
		Usage: meta.usage,
		Choices: []model.Choice{{
			Message: model.Message{Role: model.Role(s.Output.Message.Role), Parts: parts},
			Stop:    model.StopReason(s.StopReason), StopSequence: stopSequence(s.Fields),
		}},
		Extra: opaque(object.Of(meta.extra)),
	}, nil
}

// metadata is what an answer tells beside its content.
type metadata struct {
	usage model.Usage
	extra []object.Member
}

func metadataOf(usage jsontext.Value, tier *tierShape, perf *performanceShape, trace, fields jsontext.Value) metadata {
	var m metadata
	served := ""
	if tier != nil {
		served = tier.Type
	}
	var u usageShape
	if usage.Kind() != '{' || json.Unmarshal(usage, &u) != nil {
		m.usage = model.Usage{Absent: true, ServiceTier: served}
	} else if m.usage = usageOf(&u, served); !u.consistent() {
		m.keep("usage", usage)
	}
	m.keep("additionalModelResponseFields", fields)
	m.keep("trace", trace)
	if perf != nil {
		m.keep("performanceConfig", object.Of([]object.Member{{Name: "latency", Value: object.AppendQuote(nil, perf.Latency)}}))
	}
	return m
}

func (m *metadata) keep(name string, v jsontext.Value) {
	if len(v) > 0 && v.Kind() != 'n' {
		m.extra = append(m.extra, object.Member{Name: name, Value: v.Clone()})
	}
}

// stopSequence finds the matched stop sequence in additional response fields.
func stopSequence(fields jsontext.Value) string {
	var s struct {
		Stop  *string `json:"stop_sequence"`
		Delta struct {
			Stop *string `json:"stop_sequence"`
		} `json:"delta"`
	}
	if fields.Kind() != '{' || json.Unmarshal(fields, &s) != nil {
		return ""
	}
	switch {
	case s.Stop != nil:
		return *s.Stop
	case s.Delta.Stop != nil:
		return *s.Delta.Stop
	}
	return ""
}

// EncodeResponse writes the answer of Converse. Only the first choice has a
// place. A tool call whose arguments are no JSON object cannot be a toolUse
// block: it becomes text and the stop reason malformed_tool_use.
func EncodeResponse(r *model.Response, opts Options) ([]byte, []model.Loss, error) {
	e := &requestEncoder{req: &model.Request{}, names: map[string]int{}}
	s := responseShape{Metrics: metricsShape{opts.latencyMs()}}
	msg := &messageShape{Role: string(model.RoleAssistant), Content: []blockShape{}}
	s.Output.Message = msg
	end := ending{stop: model.StopEnd, extra: r.Extra, usage: &r.Usage}
	if len(r.Choices) > 0 {
		c := &r.Choices[0]
		if c.Message.Role == model.RoleUser {
			msg.Role = string(model.RoleUser)
		}
		var malformed bool
		msg.Content, malformed = e.answer(c.Message.Parts)
		end.stop, end.sequence = c.Stop, c.StopSequence
		if malformed {
			end.stop = model.StopMalformedToolUse
		}
	}
	if len(r.Choices) > 1 {
		e.lose("choices", model.LossMajor, "Converse returns one answer; %d more were made.", len(r.Choices)-1)
	}
	e.foreign(r.Extra, "extra")
	e.losses = append(e.losses, stopLosses(end.stop)...)
	end.fill(&s, &opts)
	if e.err != nil {
		return nil, nil, e.err
	}
	body, err := object.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	return body, e.losses, nil
}

// answer writes an answer's content and reports whether a tool call in it is malformed.
func (e *requestEncoder) answer(parts []model.Part) (blocks []blockShape, malformed bool) {
	blocks = []blockShape{}
	for _, p := range parts {
		if t, ok := p.(*model.Text); ok && t.Text == "" && len(t.Citations) == 0 {
			continue // a client would send it back, and blank text is refused
		}
		if c, ok := p.(*model.ToolCall); ok {
			if _, whole := arguments(c); !whole {
				malformed = true
				text := c.Name + " " + c.Arguments
				blocks = append(blocks, blockShape{Text: &text})
				continue
			}
		}
		blocks = append(blocks, e.blocks([]model.Part{p}, "output.message.content", placeMessage)...)
	}
	return blocks, malformed
}

// ending is what the last frames or members of an answer tell.
type ending struct {
	stop     model.StopReason
	sequence string
	usage    *model.Usage
	extra    *model.Opaque
}

// fill writes the ending into an answer.
func (n *ending) fill(s *responseShape, opts *Options) {
	s.StopReason = stopName(n.stop)
	s.Usage = appendUsage(nil, n.usage)
	if n.usage.ServiceTier != "" {
		s.Tier = &tierShape{Type: n.usage.ServiceTier}
	}
	if opts.Latency != "" {
		s.Perf = &performanceShape{Latency: opts.Latency}
	}
	s.Fields = stopFields(opts.ResponsePaths, n.sequence)
	if !own(n.extra) {
		return
	}
	var rest []object.Member
	for _, m := range object.Members(n.extra.Raw) {
		switch m.Name {
		case "additionalModelResponseFields":
			s.Fields = m.Value
		case "trace":
			s.Trace = m.Value
		case "performanceConfig":
			var p performanceShape
			if json.Unmarshal(m.Value, &p) == nil {
				s.Perf = &p
			}
		case "usage":
			if sameUsage(m.Value, n.usage) {
				s.Usage = m.Value
			}
		case "output", "stopReason", "metrics", "serviceTier":
		default:
			rest = append(rest, m)
		}
	}
	s.Extra = object.Of(rest)
}

// sameUsage reports whether raw decodes to u, so that an upstream's own odd
// arithmetic may be repeated verbatim.
func sameUsage(raw jsontext.Value, u *model.Usage) bool {
	var s usageShape
	return json.Unmarshal(raw, &s) == nil && usageOf(&s, u.ServiceTier) == *u
}

// stopFields answers the response paths the hub can.
func stopFields(paths []string, sequence string) jsontext.Value {
	value := jsontext.Value("null")
	if sequence != "" {
		value = object.AppendQuote(nil, sequence)
	}
	var ms []object.Member
	for _, p := range paths {
		switch p {
		case "/stop_sequence":
			ms = append(ms, object.Member{Name: "stop_sequence", Value: value})
		case "/delta/stop_sequence":
			ms = append(ms, object.Member{Name: "delta", Value: object.Of([]object.Member{{Name: "stop_sequence", Value: value}})})
		}
	}
	return object.Of(unique(ms))
}

// stopLosses reports the reasons that stopName cannot keep.
func stopLosses(r model.StopReason) []model.Loss {
	if r != model.StopPause {
		return nil
	}
	return []model.Loss{{
		Path: "choices.0.stop", Severity: model.LossMinor, What: "Converse has no paused turn; the answer ends with end_turn.",
	}}
}

// stopName turns the hub's reasons into the nine Converse has.
func stopName(r model.StopReason) string {
	switch r {
	case "", model.StopPause:
		return string(model.StopEnd)
	case model.StopRefusal:
		return string(model.StopContentFilter)
	}
	return string(r)
}
