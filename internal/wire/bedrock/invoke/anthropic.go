package invoke

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// anthropicVersion is the only version of the Messages body Bedrock knows.
const anthropicVersion = "bedrock-2023-05-31"

// anthropicCodec is the Messages body without model and stream, which stand in
// the URL. anthropic_beta, which replaces a header, stays in Request.Extra.
var anthropicCodec = codec{
	decodeRequest: func(body []byte) (*model.Request, error) {
		if !object.Is(body) {
			return nil, malformed(body)
		}
		if v := gjson.GetBytes(body, "anthropic_version"); v.String() == "" {
			return nil, requiredKey("anthropic_version")
		}
		for _, extraneous := range []string{"model", "stream"} {
			body, _ = sjson.DeleteBytes(body, extraneous) // cannot fail: body is an object
		}
		return anthropic.DecodeInvoke(body, "", false)
	},
	encodeRequest: func(req *model.Request) ([]byte, []model.Loss, error) {
		return anthropic.EncodeRequest(req, anthropic.RequestOptions{InvokeVersion: anthropicVersion})
	},
	encodeResponse: func(r *model.Response, opts Options) ([]byte, []model.Loss, error) {
		return anthropic.EncodeResponse(r, anthropicOptions(opts))
	},
	decodeResponse: anthropic.DecodeResponse,
	newObjects: func(opts Options) objects {
		return &sseObjects{enc: anthropic.NewEncoder(anthropicOptions(opts))}
	},
	decodeEvents: func(c *chunks) model.Stream { return anthropic.DecodeEvents(c.sse()) },
}

func anthropicOptions(o Options) anthropic.ResponseOptions {
	return anthropic.ResponseOptions{ID: o.ID, Model: o.Model}
}

// malformed explains a body that is no JSON object.
func malformed(body []byte) error {
	var v map[string]any
	if err := object.Parse(body, &v); err != nil {
		return err
	}
	return model.Errorf(model.Invalid, "", "The request body must be a JSON object.")
}

// requiredKey is Bedrock's wording for a native body without a member it needs.
func requiredKey(name string) error {
	return model.Errorf(model.Invalid, name,
		"Malformed input request: #: required key [%s] not found, please reformat your input and try again.", name)
}

// sseObjects takes the objects out of another dialect's server-sent events.
type sseObjects struct {
	enc interface {
		Append(dst []byte, ev model.Event) ([]byte, error)
		Finish(dst []byte) []byte
		Losses() []model.Loss
	}
	buf []byte
	// edit reshapes an object, in a buffer of its own that it may grow; nil leaves it.
	edit   func(object []byte) []byte
	edited []byte
}

func (s *sseObjects) event(ev model.Event, emit func([]byte)) error {
	var err error
	s.buf, err = s.enc.Append(s.buf[:0], ev)
	s.pass(emit)
	return err
}

func (s *sseObjects) finish(_ *model.Usage, emit func([]byte)) {
	s.buf = s.enc.Finish(s.buf[:0])
	s.pass(emit)
}

func (s *sseObjects) pass(emit func([]byte)) {
	lines(s.buf, func(native []byte) {
		if s.edit != nil {
			s.edited = s.edit(append(s.edited[:0], native...))
			native = s.edited
		}
		emit(native)
	})
}

func (s *sseObjects) losses() []model.Loss { return s.enc.Losses() }
