package invoke

import (
	"fmt"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

func itoa(i int) string { return strconv.Itoa(i) }

// textFamily is a body that takes a prompt and answers with text alone.
type textFamily interface {
	// decode reads a request.
	decode(body []byte) (*model.Request, *model.Error)
	// encode writes a request; what the family lacks is lost through l.
	encode(req *model.Request, l *lost) (any, *model.Error)
	// write renders an answer, or one object of a streamed one.
	write(s said) any
	// read takes an answer, or one object of a streamed one, apart.
	read(native []byte) (said, *model.Error)
}

// said is an answer or a piece of one.
type said struct {
	text string
	// stop is empty before the end.
	stop model.StopReason
	// usage is nil before the end and where the family tells none.
	usage *model.Usage
	// stream says that this is one object of a stream.
	stream bool
}

// lost gathers losses.
type lost struct{ list []model.Loss }

func (l *lost) minor(when bool, path, format string, args ...any) {
	if when {
		l.list = append(l.list, model.Loss{Path: path, What: fmt.Sprintf(format, args...)})
	}
}

func (l *lost) major(when bool, path, format string, args ...any) {
	if when {
		l.list = append(l.list, model.Loss{Path: path, What: fmt.Sprintf(format, args...), Severity: model.LossMajor})
	}
}

// textCodec makes the codec of a text family.
func textCodec(f textFamily) codec {
	return codec{
		decodeRequest: func(body []byte) (*model.Request, error) {
			req, err := f.decode(body)
			if err != nil {
				return nil, err
			}
			return req, nil
		},
		encodeRequest: func(req *model.Request) ([]byte, []model.Loss, error) {
			l := &lost{}
			onlyText(req, l)
			shape, err := f.encode(req, l)
			if err != nil {
				return nil, nil, err
			}
			return marshal(shape, l.list)
		},
		encodeResponse: func(r *model.Response, _ Options) ([]byte, []model.Loss, error) {
			l := &lost{}
			s := said{usage: &r.Usage, stop: model.StopEnd}
			if len(r.Choices) > 0 {
				s.text, s.stop = answerText(r.Choices[0].Message.Parts, l), r.Choices[0].Stop
			}
			l.major(len(r.Choices) > 1, "choices", "This body holds one answer.")
			return marshal(f.write(s), l.list)
		},
		decodeResponse: func(body []byte) (*model.Response, error) {
			s, err := f.read(body)
			if err != nil {
				return nil, garbage(err)
			}
			return s.response(), nil
		},
		newObjects:   func(Options) objects { return &textObjects{family: f, lost: &lost{}} },
		decodeEvents: func(c *chunks) model.Stream { return &textStream{family: f, chunks: c} },
	}
}

func marshal(v any, losses []model.Loss) ([]byte, []model.Loss, error) {
	b, err := object.Marshal(v)
	if err != nil {
		return nil, nil, err
	}
	return b, losses, nil
}

// response makes a whole answer of what was said.
func (s said) response() *model.Response {
	r := &model.Response{Usage: model.Usage{Absent: true}}
	if s.usage != nil {
		r.Usage = *s.usage
	}
	msg := model.Message{Role: model.RoleAssistant, Parts: []model.Part{&model.Text{Text: s.text}}}
	r.Choices = []model.Choice{{Message: msg, Stop: s.stop}}
	return r
}

// answerText is the text of an answer's parts.
func answerText(parts []model.Part, l *lost) string {
	text := ""
	for i, p := range parts {
		path := "choices.0.parts." + itoa(i)
		switch p := p.(type) {
		case *model.Text:
			text += p.Text
			l.minor(len(p.Citations) > 0, path, "This body holds no citations.")
		case *model.Refusal:
			text += p.Text
		case *model.Reasoning:
			l.minor(true, path, "This body holds no reasoning.")
		default:
			l.major(true, path, "This body holds text only.")
		}
	}
	return text
}

// onlyText reports what no prompt body can say. Each family adds its own.
func onlyText(req *model.Request, l *lost) {
	l.major(len(req.Tools) > 0 && req.ToolChoice.Mode != model.ChoiceNone, "tools", "This model's native body takes no tools.")
	l.major(req.Format != nil && req.Format.Kind != model.FormatText, "format", "This model's native body takes no output format.")
	l.major(req.N > 1, "n", "This model returns one answer per call.")
	l.major(req.Logprobs, "logprobs", "This model returns no log probabilities.")
	l.major(len(req.LogitBias) > 0, "logit_bias", "This model's native body takes no logit bias.")
	l.major(nonZero(req.MinP), "min_p", "This model's native body takes no min_p.")
	l.major(nonZero(req.PresencePenalty), "presence_penalty", "This model's native body takes no presence penalty.")
	l.major(nonZero(req.FrequencyPenalty), "frequency_penalty", "This model's native body takes no frequency penalty.")
	l.major(req.AudioOut != nil, "modalities", "This model returns text only.")
	l.minor(req.Seed != nil, "seed", "This model's native body takes no seed; answers are not reproducible.")
	l.minor(req.Reasoning != nil, "reasoning", "This model's native body has no switch for reasoning.")
	l.minor(req.User != "", "user", "This model's native body takes no end-user id.")
	if x := req.Extra; x != nil && x.Dialect != model.DialectInvoke {
		for _, m := range object.Members(x.Raw) {
			l.major(true, "extra."+m.Name, "This model's native body has no member for %s of %s.", m.Name, x.Dialect)
		}
	}
}

func nonZero(p *float64) bool { return p != nil && *p != 0 }

// extraOf returns the members that decode kept.
func extraOf(req *model.Request) jsontext.Value {
	if req.Extra == nil || req.Extra.Dialect != model.DialectInvoke {
		return nil
	}
	return req.Extra.Raw
}

// keep makes Request.Extra of a body's unknown members.
func keep(raw jsontext.Value) *model.Opaque {
	if len(raw) == 0 || string(raw) == "{}" {
		return nil
	}
	return &model.Opaque{Dialect: model.DialectInvoke, Raw: raw}
}

// textObjects streams an answer of a text family.
type textObjects struct {
	family textFamily
	stop   model.StopReason
	shown  map[int]bool
	lost   *lost
}

func (o *textObjects) event(ev model.Event, emit func([]byte)) error {
	if ev.Choice != 0 {
		return model.Errorf(model.Unsupported, "n", "This body holds one answer.")
	}
	switch ev.Kind {
	case model.EventPartStart:
		if o.shown == nil {
			o.shown = map[int]bool{}
		}
		text := answerText([]model.Part{ev.Part}, o.lost)
		switch ev.Part.(type) {
		case *model.Text, *model.Refusal:
			o.shown[ev.Index] = true
		}
		return o.say(text, emit)
	case model.EventDelta:
		if o.shown[ev.Index] {
			return o.say(ev.Text, emit)
		}
	case model.EventStop:
		o.stop = ev.Stop
	}
	return nil
}

func (o *textObjects) say(text string, emit func([]byte)) error {
	if text == "" {
		return nil
	}
	b, err := object.Marshal(o.family.write(said{text: text, stream: true}))
	if err != nil {
		return err
	}
	emit(b)
	return nil
}

func (o *textObjects) finish(usage *model.Usage, emit func([]byte)) {
	stop := o.stop
	if stop == "" {
		stop = model.StopEnd
	}
	if b, err := object.Marshal(o.family.write(said{stop: stop, usage: usage, stream: true})); err == nil {
		emit(b)
	}
}

func (o *textObjects) losses() []model.Loss { return o.lost.list }
