package invoke

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// novaCodec is Amazon Nova's messages-v1 body: Converse's messages, system and
// toolConfig, with top-level members of its own where Converse has additional
// fields, and stream objects wrapped by their event's name.
var novaCodec = codec{
	decodeRequest:  decodeNova,
	encodeRequest:  encodeNova,
	encodeResponse: encodeNovaResponse,
	decodeResponse: func(body []byte) (*model.Response, error) {
		r, err := bedrock.DecodeResponse(body)
		if err == nil && r.Extra != nil {
			r.Extra = keep(r.Extra.Raw)
		}
		return r, err
	},
	newObjects: func(opts Options) objects {
		return &novaObjects{enc: bedrock.NewEncoder(bedrock.Options{Elapsed: opts.Elapsed})}
	},
	decodeEvents: func(c *chunks) model.Stream {
		c.wrap = unwrapNova
		return bedrock.DecodeEvents(c)
	},
}

// novaID is a model id whose family is Nova, by which package bedrock chooses names.
const novaID = "amazon.nova-"

const novaSchema = "messages-v1"

// fields is Converse's place for native members.
const fields = "additionalModelRequestFields"

// decodeNova moves what is native into Converse's additional fields.
func decodeNova(body []byte) (*model.Request, error) {
	if !object.Is(body) {
		return nil, malformed(body)
	}
	var converse, native []object.Member
	for _, m := range object.Members(body) {
		switch m.Name {
		case "schemaVersion":
		case "inferenceConfig":
			inference, own := splitInference(m.Value)
			converse = append(converse, object.Member{Name: m.Name, Value: inference})
			if own != nil {
				native = append(native, object.Member{Name: m.Name, Value: own})
			}
		case "reasoningConfig":
			native = append(native, m)
		default:
			converse = append(converse, m)
		}
	}
	if len(native) > 0 {
		converse = append(converse, object.Member{Name: fields, Value: object.Of(native)})
	}
	whole := object.Of(converse)
	if whole == nil {
		whole = jsontext.Value("{}")
	}
	req, err := bedrock.DecodeRequest(whole)
	if err != nil {
		return nil, err
	}
	if len(req.Messages) == 0 {
		return nil, requiredKey("messages")
	}
	if req.Extra != nil {
		req.Extra = keep(req.Extra.Raw)
	}
	return req, nil
}

// novaNames maps Nova's older names of inference parameters to Converse's.
var novaNames = map[string]string{"max_new_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK"}

// splitInference parts topK, which Converse's inferenceConfig lacks, from the rest.
func splitInference(v jsontext.Value) (inference, own jsontext.Value) {
	ms := object.Members(v)
	if ms == nil {
		return v, nil // its type is the decoder's question
	}
	var rest []object.Member
	for _, m := range ms {
		if name, ok := novaNames[m.Name]; ok {
			m.Name = name
		}
		if m.Name == "topK" {
			own = object.Of([]object.Member{m})
			continue
		}
		rest = append(rest, m)
	}
	if inference = object.Of(rest); inference == nil {
		inference = jsontext.Value("{}")
	}
	return inference, own
}

// novaDrops lists Converse members Nova's body has no place for. Those that
// are headers of InvokeModel are no loss: the caller sends them (see Header).
var novaDrops = map[string]struct {
	header   bool
	severity model.Severity
}{
	"guardrailConfig":                   {true, 0},
	"requestMetadata":                   {true, 0},
	"performanceConfig":                 {true, 0},
	"serviceTier":                       {true, 0},
	"outputConfig":                      {false, model.LossMajor},
	"additionalModelResponseFieldPaths": {false, model.LossMinor},
	"promptVariables":                   {false, model.LossMajor},
}

func encodeNova(req *model.Request) ([]byte, []model.Loss, error) {
	whole := *req
	whole.Model = novaID
	if whole.Extra != nil && whole.Extra.Dialect == model.DialectInvoke {
		whole.Extra = &model.Opaque{Dialect: model.DialectConverse, Raw: whole.Extra.Raw}
	}
	converse, losses, err := bedrock.EncodeRequest(&whole)
	if err != nil {
		return nil, nil, err
	}
	out := []object.Member{{Name: "schemaVersion", Value: jsontext.Value(`"` + novaSchema + `"`)}}
	var inference []object.Member
	for _, m := range object.Members(converse) {
		drop, dropped := novaDrops[m.Name]
		switch {
		case dropped:
			if !drop.header {
				losses = append(losses, model.Loss{Path: m.Name, What: "Nova's native body has no " + m.Name + ".", Severity: drop.severity})
			}
		case m.Name == "inferenceConfig":
			inference = append(inference, object.Members(m.Value)...)
		case m.Name == fields:
			for _, f := range object.Members(m.Value) {
				if f.Name == "inferenceConfig" {
					inference = append(inference, object.Members(f.Value)...)
				} else {
					out = append(out, f)
				}
			}
		default:
			out = append(out, m)
		}
	}
	if len(inference) > 0 {
		out = append(out, object.Member{Name: "inferenceConfig", Value: object.Of(inference)})
	}
	return object.Of(out), losses, nil
}

func encodeNovaResponse(r *model.Response, opts Options) ([]byte, []model.Loss, error) {
	converse, losses, err := bedrock.EncodeResponse(r, bedrock.Options{Elapsed: opts.Elapsed})
	if err != nil {
		return nil, nil, err
	}
	var out []object.Member
	for _, m := range object.Members(converse) {
		switch m.Name {
		case "output", "stopReason":
			out = append(out, m)
		case "usage":
			out = append(out, object.Member{Name: m.Name, Value: novaUsage(m.Value)})
		}
	}
	return object.Of(out), losses, nil
}

// novaUsage spells Converse's usage as Nova does.
func novaUsage(v jsontext.Value) jsontext.Value {
	var out []object.Member
	for _, m := range object.Members(v) {
		switch m.Name {
		case "cacheReadInputTokens", "cacheWriteInputTokens":
			m.Name = m.Name[:len(m.Name)-1] + "Count"
		case "cacheDetails":
			continue
		}
		out = append(out, m)
	}
	return object.Of(out)
}

// novaObjects wraps Converse's events by their names.
type novaObjects struct {
	enc *bedrock.Encoder
	buf []byte
	out []byte
}

func (o *novaObjects) event(ev model.Event, emit func([]byte)) error {
	var err error
	o.buf, err = o.enc.Append(o.buf[:0], ev)
	o.pass(emit)
	return err
}

func (o *novaObjects) finish(_ *model.Usage, emit func([]byte)) {
	o.buf = o.enc.Finish(o.buf[:0])
	o.pass(emit)
}

func (o *novaObjects) pass(emit func([]byte)) {
	for rest := o.buf; len(rest) > 0; {
		var name, payload []byte
		name, payload, rest = frame.Cut(rest)
		if string(name) == "metadata" {
			payload = novaMetadata(payload)
		}
		o.out = append(append(o.out[:0], `{"`...), name...)
		o.out = append(append(append(o.out, `":`...), payload...), '}')
		emit(o.out)
	}
}

func novaMetadata(payload []byte) []byte {
	ms := object.Members(payload)
	for i := range ms {
		if ms[i].Name == "usage" {
			ms[i].Value = novaUsage(ms[i].Value)
		}
	}
	return object.Of(ms)
}

func (o *novaObjects) losses() []model.Loss { return o.enc.Losses() }

// unwrapNova turns a native object into the Converse frame of the same name.
func unwrapNova(dst, native []byte) []byte {
	gjson.ParseBytes(native).ForEach(func(name, payload gjson.Result) bool {
		if name.String() == metricsName || !payload.IsObject() {
			return true
		}
		var start int
		dst, start = frame.Open(dst, frame.Event, name.String())
		dst = frame.Close(append(dst, payload.Raw...), start)
		return true
	})
	return dst
}
