package invoke

import (
	"io"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
)

// Family names a native body; see package family for its values.
type Family = family.Family

// FamilyOf returns the family of a model named by id, inference-profile id or
// ARN; card may be nil and overrules the table of ids. It is family.Of.
func FamilyOf(modelID string, card *model.Card) Family { return family.Of(modelID, card) }

// Options tell encoders of answers what the wire package cannot know.
type Options struct {
	// ID is the answer's id where the family shows one; empty means the upstream's.
	ID string
	// Model is the model name to show; empty means the upstream's.
	Model string
	// Created is the answer's time in Unix seconds; 0 means the upstream's.
	Created int64
	// Elapsed returns how long the answer has taken so far; nil means zero.
	Elapsed func() time.Duration
}

func (o *Options) elapsedMs() int64 {
	if o.Elapsed == nil {
		return 0
	}
	return o.Elapsed().Milliseconds()
}

// codec is one family. Every function is pure.
type codec struct {
	decodeRequest  func(body []byte) (*model.Request, error)
	encodeRequest  func(req *model.Request) ([]byte, []model.Loss, error)
	encodeResponse func(r *model.Response, opts Options) ([]byte, []model.Loss, error)
	decodeResponse func(body []byte) (*model.Response, error)
	newObjects     func(opts Options) objects
	decodeEvents   func(chunks *chunks) model.Stream
}

// objects writes a streamed answer as native JSON objects.
type objects interface {
	// event passes the objects of ev to emit.
	event(ev model.Event, emit func(object []byte)) error
	// finish passes the last objects; usage is the answer's.
	finish(usage *model.Usage, emit func(object []byte))
	// losses names what the objects could not tell.
	losses() []model.Loss
}

// codecOf finds a chat family's codec.
func codecOf(f Family) (codec, error) {
	switch f {
	case family.Anthropic:
		return anthropicCodec, nil
	case family.OpenAI:
		return openaiCodec, nil
	case family.MistralChat:
		return mistralChatCodec, nil
	case family.Nova:
		return novaCodec, nil
	case family.Llama:
		return textCodec(llama{}), nil
	case family.Mistral:
		return textCodec(mistral{}), nil
	case family.TitanText:
		return textCodec(titan{}), nil
	}
	if f.Embeds() {
		return codec{}, model.Errorf(model.Unsupported, "modelId", "This model makes embeddings and cannot be asked for text.")
	}
	return codec{}, model.Errorf(model.Unsupported, "modelId", "The native request body of this model is not known.").
		WithHint("Call the model with Converse instead.")
}

// DecodeRequest reads the native body of InvokeModel. The caller sets
// Request.Model and Request.Stream, which stand in the URL. Errors are
// *model.Error of kind Invalid, or Unsupported for a family without text.
func DecodeRequest(f Family, body []byte) (*model.Request, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, err
	}
	return c.decodeRequest(body)
}

// EncodeRequest writes the native body for a model of family f.
func EncodeRequest(f Family, req *model.Request) ([]byte, []model.Loss, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, nil, err
	}
	return c.encodeRequest(req)
}

// EncodeResponse writes the native answer.
func EncodeResponse(f Family, r *model.Response, opts Options) ([]byte, []model.Loss, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, nil, err
	}
	return c.encodeResponse(r, opts)
}

// DecodeResponse reads an upstream's native answer. Usage that stands in the
// response's headers is added by UsageOf.
func DecodeResponse(f Family, body []byte) (*model.Response, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, err
	}
	return c.decodeResponse(body)
}

// DecodeEvents reads an upstream's InvokeModelWithResponseStream answer as it
// arrives. Errors and closing are as in bedrock.DecodeEvents; Close closes r.
// The metrics of the last object stand in for usage the family does not tell.
func DecodeEvents(f Family, r io.ReadCloser) (model.Stream, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, err
	}
	src := newChunks(r)
	return &metered{Stream: c.decodeEvents(src), chunks: src}, nil
}
