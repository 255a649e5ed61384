package agent

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// The hub's parts as they stand in journals: {"t":"text","v":{…}} with the
// hub's own field names, so that nothing is lost between a model call and the
// next, whatever dialect either speaks. A part is never given another tag.
type (
	text         model.Text
	refusal      model.Refusal
	reasoning    model.Reasoning
	image        model.Image
	audio        model.Audio
	video        model.Video
	document     model.Document
	searchResult model.SearchResult
	toolCall     model.ToolCall
	toolResult   model.ToolResult
	toolChange   model.ToolChange
	structured   model.Structured
	guarded      model.Guard
	cachePoint   model.CachePoint
	opaque       model.Opaque
)

type tagged struct {
	Tag   string         `json:"t"`
	Value jsontext.Value `json:"v"`
}

// codec is how everything that holds hub values is written and read.
var codec = json.JoinOptions(
	json.OmitZeroStructFields(true),
	json.Deterministic(true),
	json.WithMarshalers(json.JoinMarshalers(json.MarshalToFunc(marshalPart), json.MarshalToFunc(marshalDuration))),
	json.WithUnmarshalers(json.JoinUnmarshalers(json.UnmarshalFromFunc(unmarshalPart), json.UnmarshalFromFunc(unmarshalDuration))),
)

// Durations stand in journals as nanoseconds.
func marshalDuration(enc *jsontext.Encoder, d time.Duration) error {
	return enc.WriteToken(jsontext.Int(int64(d)))
}

func unmarshalDuration(dec *jsontext.Decoder, d *time.Duration) error {
	var n int64
	err := json.UnmarshalDecode(dec, &n)
	*d = time.Duration(n)
	return err
}

func marshalPart(enc *jsontext.Encoder, part model.Part) error {
	tag, value := untyped(part)
	if value == nil {
		return fmt.Errorf("agent: a part of type %T cannot be written", part)
	}
	for _, token := range []jsontext.Token{jsontext.BeginObject, jsontext.String("t"), jsontext.String(tag), jsontext.String("v")} {
		if err := enc.WriteToken(token); err != nil {
			return err
		}
	}
	if err := json.MarshalEncode(enc, value); err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

// untyped strips the methods off a part, and with them the marshaler.
func untyped(part model.Part) (string, any) {
	switch p := part.(type) {
	case *model.Text:
		return "text", (*text)(p)
	case *model.Refusal:
		return "refusal", (*refusal)(p)
	case *model.Reasoning:
		return "reasoning", (*reasoning)(p)
	case *model.Image:
		return "image", (*image)(p)
	case *model.Audio:
		return "audio", (*audio)(p)
	case *model.Video:
		return "video", (*video)(p)
	case *model.Document:
		return "document", (*document)(p)
	case *model.SearchResult:
		return "search_result", (*searchResult)(p)
	case *model.ToolCall:
		return "tool_call", (*toolCall)(p)
	case *model.ToolResult:
		return "tool_result", (*toolResult)(p)
	case *model.ToolChange:
		return "tool_change", (*toolChange)(p)
	case *model.Structured:
		return "structured", (*structured)(p)
	case *model.Guard:
		return "guard", (*guarded)(p)
	case *model.CachePoint:
		return "cache_point", (*cachePoint)(p)
	case *model.Opaque:
		return "opaque", (*opaque)(p)
	}
	return "", nil
}

func unmarshalPart(dec *jsontext.Decoder, into *model.Part) error {
	var t tagged
	if err := json.UnmarshalDecode(dec, &t); err != nil {
		return err
	}
	part := typed(t.Tag)
	if part == nil {
		return fmt.Errorf("agent: unknown part %q", t.Tag)
	}
	_, value := untyped(part)
	if err := json.Unmarshal(t.Value, value, dec.Options()); err != nil {
		return err
	}
	*into = part
	return nil
}

// typed returns an empty part of the tag, or nil.
func typed(tag string) model.Part {
	switch tag {
	case "text":
		return &model.Text{}
	case "refusal":
		return &model.Refusal{}
	case "reasoning":
		return &model.Reasoning{}
	case "image":
		return &model.Image{}
	case "audio":
		return &model.Audio{}
	case "video":
		return &model.Video{}
	case "document":
		return &model.Document{}
	case "search_result":
		return &model.SearchResult{}
	case "tool_call":
		return &model.ToolCall{}
	case "tool_result":
		return &model.ToolResult{}
	case "tool_change":
		return &model.ToolChange{}
	case "structured":
		return &model.Structured{}
	case "guard":
		return &model.Guard{}
	case "cache_point":
		return &model.CachePoint{}
	case "opaque":
		return &model.Opaque{}
	}
	return nil
}

// EncodeParts writes parts in the form journals have them; equal parts come
// out equal.
func EncodeParts(parts []model.Part) ([]byte, error) {
	if parts == nil {
		parts = []model.Part{}
	}
	return json.Marshal(parts, codec)
}
