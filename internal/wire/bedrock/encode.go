package bedrock

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// EncodeRequest writes the body of Converse and ConverseStream. Request.Model
// is not part of it (it stands in the URL) but says which vendor's names
// additional fields take.
//
// Adjacent messages of one role are joined, because most models refuse them;
// text without content is left out; document names are made admissible. What
// cannot be expressed is reported as losses, in the order of the request.
func EncodeRequest(req *model.Request) ([]byte, []model.Loss, error) {
	return encodeRequest(req, true)
}

// requestEncoder carries what an encoding gathers beside the body.
type requestEncoder struct {
	req    *model.Request
	family family.Family
	join   bool
	losses []model.Loss
	names  map[string]int
	err    *model.Error
}

func newRequestEncoder(req *model.Request) *requestEncoder {
	return &requestEncoder{req: req, family: familyOf(req), join: true, names: map[string]int{}}
}

func (e *requestEncoder) lose(path string, s model.Severity, format string, args ...any) {
	e.losses = append(e.losses, model.Loss{Path: path, Severity: s, What: fmt.Sprintf(format, args...)})
}

// foreign reports members another dialect hung on a part, a tool or an answer.
func (e *requestEncoder) foreign(o *model.Opaque, path string) {
	if o != nil && !own(o) {
		e.lose(path, model.LossMinor, "Converse has no place for members of %s's own.", o.Dialect)
	}
}

func (e *requestEncoder) fail(err *model.Error) {
	if e.err == nil {
		e.err = err
	}
}

func encodeRequest(req *model.Request, join bool) ([]byte, []model.Loss, error) {
	e := newRequestEncoder(req)
	e.join = join
	s := e.shape()
	if e.err != nil {
		return nil, nil, e.err
	}
	body, err := object.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	return body, e.losses, nil
}

func (e *requestEncoder) shape() *requestShape {
	req := e.req
	s := &requestShape{RequestMetadata: req.Metadata, ResponsePaths: req.ResponsePaths}
	e.messages(s)
	s.InferenceConfig = e.inference()
	s.ToolConfig = e.tools()
	if g := req.Guardrail; g != nil {
		s.GuardrailConfig = &guardrailShape{ID: g.ID, Version: g.Version, Trace: g.Trace, Mode: g.Mode}
	}
	if req.Latency != "" {
		s.Performance = &performanceShape{Latency: req.Latency}
	}
	if t := req.ServiceTier; t != "" && t != "auto" {
		s.ServiceTier = &tierShape{Type: t}
	}
	s.OutputConfig = e.output()
	e.extra(s)
	e.unsupported()
	return s
}

func (e *requestEncoder) inference() *inferenceShape {
	req := e.req
	if req.MaxTokens == nil && req.Temperature == nil && req.TopP == nil && len(req.Stop) == 0 {
		return nil
	}
	if t := req.Temperature; t != nil && *t > 1 {
		e.lose("temperature", model.LossMajor, "Converse takes temperatures from 0 to 1, not %g.", *t)
	}
	return &inferenceShape{MaxTokens: req.MaxTokens, Temperature: req.Temperature, TopP: req.TopP, StopSequences: req.Stop}
}

func (e *requestEncoder) output() *outputShape {
	var o outputShape
	if r := e.req.Reasoning; r != nil && e.family != family.OpenAI && e.family != family.Nova {
		o.Effort = e.effort()
	}
	if f := e.req.Format; f != nil {
		switch f.Kind {
		case model.FormatSchema:
			t := &textFormatShape{Type: string(f.Kind)}
			js := &t.Structure.JSONSchema
			js.Schema, js.Name, js.Description = string(f.Schema), f.Name, f.Description
			o.TextFormat = t
		case model.FormatText, "":
		default:
			e.lose("format", model.LossMajor, "Converse has no %s format. Ask for a json_schema.", f.Kind)
		}
	}
	if o == (outputShape{}) {
		return nil
	}
	return &o
}

// unsupported reports what no Converse model is asked for.
func (e *requestEncoder) unsupported() {
	req := e.req
	major := func(lost bool, path, what string) {
		if lost {
			e.lose(path, model.LossMajor, "%s", what)
		}
	}
	minor := func(lost bool, path, what string) {
		if lost {
			e.lose(path, model.LossMinor, "%s", what)
		}
	}
	major(req.N > 1, "n", "Converse returns one answer per call.")
	major(req.Logprobs, "logprobs", "Converse returns no log probabilities.")
	major(len(req.LogitBias) > 0, "logit_bias", "Converse takes no logit bias.")
	major(req.AudioOut != nil || speaks(req.Modalities), "modalities", "Converse returns no spoken answers.")
	major(req.ParallelTools != nil && !*req.ParallelTools && len(req.Tools) > 1, "parallel_tools",
		"Converse cannot forbid parallel tool calls.")
	minor(req.Verbosity != "", "verbosity", "Converse has no verbosity.")
	minor(req.User != "", "user", "Converse takes no end-user id.")
	minor(req.CacheKey != "", "cache_key", "Converse takes no cache key.")
}

func speaks(modalities []string) bool {
	for _, m := range modalities {
		if m != "text" {
			return true
		}
	}
	return false
}

// harmless lists members of other dialects' requests that change no answer.
var harmless = map[string]bool{
	"store": true, "safety_identifier": true, "prompt_cache_retention": true, "stream_options": true,
	"user": true, "include": true, "truncation": true, "inference_geo": true,
}

// extra merges the request's unmodelled members and the additional fields.
func (e *requestEncoder) extra(s *requestShape) {
	fields := e.additional()
	x := e.req.Extra
	switch {
	case x == nil:
	case x.Dialect == model.DialectConverse:
		var rest []object.Member
		for _, m := range object.Members(x.Raw) {
			if m.Name == "additionalModelRequestFields" {
				fields = e.mergeFields(s, m.Value, fields)
			} else if !known[m.Name] {
				rest = append(rest, m)
			}
		}
		s.Extra = object.Of(rest)
	case e.native(x.Dialect):
		fields = append(fields, object.Members(x.Raw)...)
	default:
		for _, m := range object.Members(x.Raw) {
			severity := model.LossMajor
			if harmless[m.Name] {
				severity = model.LossMinor
			}
			e.lose("extra."+m.Name, severity, "Converse has no member for %s of %s.", m.Name, x.Dialect)
		}
	}
	fields = append(fields, e.nativeTools()...)
	if s.AdditionalFields == nil {
		s.AdditionalFields = object.Of(unique(fields))
	}
}

// mergeFields joins the document the client gave with the hub's own fields. A
// document that is no object stands alone.
func (e *requestEncoder) mergeFields(s *requestShape, doc jsontext.Value, fields []object.Member) []object.Member {
	if doc.Kind() == '{' {
		return append(object.Members(doc), fields...)
	}
	s.AdditionalFields = doc
	for _, f := range fields {
		e.lose(f.Name, model.LossMajor, "additionalModelRequestFields is not an object, so %s has no place.", f.Name)
	}
	return nil
}

// known are the top-level members of requestShape; Extra must not repeat them.
var known = map[string]bool{
	"messages": true, "system": true, "inferenceConfig": true, "toolConfig": true, "guardrailConfig": true,
	"additionalModelResponseFieldPaths": true, "requestMetadata": true, "performanceConfig": true,
	"serviceTier": true, "outputConfig": true,
}

// native reports whether dialect d is the native body of the request's model,
// into which additional fields are merged.
func (e *requestEncoder) native(d model.Dialect) bool {
	return d == model.DialectAnthropic && e.family == family.Anthropic ||
		d == model.DialectOpenAIChat && e.family == family.OpenAI
}

// unique drops later members of a name that came before.
func unique(ms []object.Member) []object.Member {
	seen := map[string]bool{}
	out := ms[:0:0]
	for _, m := range ms {
		if !seen[m.Name] {
			seen[m.Name] = true
			out = append(out, m)
		}
	}
	return out
}

// nativeTools returns the vendor's own tools (computer use and the like), which
// travel in additional fields.
func (e *requestEncoder) nativeTools() []object.Member {
	var list []string
	for _, t := range e.req.Tools {
		if t.Opaque != nil && e.native(t.Opaque.Dialect) {
			list = append(list, string(t.Opaque.Raw))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return []object.Member{{Name: "tools", Value: jsontext.Value("[" + strings.Join(list, ",") + "]")}}
}
