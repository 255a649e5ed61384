package openai

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// wirePart is a content part. Its members stay raw until Type says what they are.
type wirePart struct {
	Type       string         `json:"type"`
	Text       jsontext.Value `json:"text"`
	Refusal    jsontext.Value `json:"refusal"`
	ImageURL   jsontext.Value `json:"image_url"`
	InputAudio jsontext.Value `json:"input_audio"`
	File       jsontext.Value `json:"file"`
	Thinking   jsontext.Value `json:"thinking"`
	Breakpoint jsontext.Value `json:"prompt_cache_breakpoint"`
}

// hub lists the parts of the content of the message at path of body.
func (c *wireContent) hub(path messagePath, body []byte) ([]model.Part, error) {
	switch c.kind {
	case '"':
		return []model.Part{&model.Text{Text: c.text}}, nil
	case '[':
	default:
		return nil, nil
	}
	parts := make([]model.Part, 0, len(c.parts))
	for i := range c.parts {
		at := path.join(fmt.Sprintf("content.%d", i))
		part, err := c.parts[i].hub(at)
		if err != nil {
			return nil, err
		}
		if part == nil {
			part = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: rawPart(body, path, i)}
		}
		parts = append(parts, part)
		if point, err := c.parts[i].cachePoint(at); err != nil {
			return nil, err
		} else if point != nil {
			parts = append(parts, point)
		}
	}
	return parts, nil
}

// hub returns nil without an error for a type the hub does not know.
func (p *wirePart) hub(path string) (model.Part, error) {
	switch p.Type {
	case "":
		return nil, missing(path + ".type")
	case "text", "output_text":
		text, err := textAt(p.Text, path+".text")
		return &model.Text{Text: text}, err
	case "refusal":
		text, err := textAt(p.Refusal, path+".refusal")
		return &model.Refusal{Text: text}, err
	case "image_url":
		return p.image(path + ".image_url")
	case "input_audio":
		return p.audio(path + ".input_audio")
	case "file":
		return p.document(path + ".file")
	case "thinking":
		if text, ok := thinkingText(p.Thinking); ok {
			return &model.Reasoning{Text: text}, nil
		}
	}
	return nil, nil
}

func textAt(raw jsontext.Value, path string) (string, error) {
	if len(raw) == 0 {
		return "", missing(path)
	}
	text, ok := unquote(raw)
	if !ok {
		return "", invalid(path, "invalid_type", "Invalid type for '%s': expected a string, but got %s instead.", bracketed(path), kindName(raw.Kind(), raw))
	}
	return text, nil
}

// cachePoint maps prompt_cache_breakpoint to the hub's two lifetimes: "12h" is
// the long one, everything else the vendor's default.
func (p *wirePart) cachePoint(path string) (model.Part, error) {
	if len(p.Breakpoint) == 0 || p.Breakpoint.Kind() == 'n' {
		return nil, nil
	}
	var b struct {
		TTL string `json:"ttl"`
	}
	if err := unmarshalAt(p.Breakpoint, &b, path+".prompt_cache_breakpoint"); err != nil {
		return nil, err
	}
	if b.TTL == "12h" {
		return &model.CachePoint{TTL: "1h"}, nil
	}
	return &model.CachePoint{}, nil
}

func (p *wirePart) image(path string) (model.Part, error) {
	var w struct {
		URL    string `json:"url"`
		Detail string `json:"detail"`
	}
	if text, ok := unquote(p.ImageURL); ok { // a bare string, as some clients send
		w.URL = text
	} else if err := unmarshalAt(p.ImageURL, &w, path); err != nil {
		return nil, err
	}
	src, err := decodeURL(w.URL, path+".url")
	if err != nil {
		return nil, err
	}
	return &model.Image{Source: src, Detail: w.Detail}, nil
}

func (p *wirePart) audio(path string) (model.Part, error) {
	var w struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	}
	if err := unmarshalAt(p.InputAudio, &w, path); err != nil {
		return nil, err
	}
	if w.Data == "" {
		return nil, missing(path + ".data")
	}
	if w.Format == "" {
		return nil, missing(path + ".format")
	}
	data, err := decodeBase64(w.Data)
	if err != nil {
		return nil, invalid(path+".data", "invalid_base64", "Invalid '%s': expected base64-encoded audio.", bracketed(path+".data"))
	}
	return &model.Audio{Source: model.Source{MIME: audioMIME(w.Format), Data: data}}, nil
}

func (p *wirePart) document(path string) (model.Part, error) {
	var w struct {
		Data string `json:"file_data"`
		ID   string `json:"file_id"`
		Name string `json:"filename"`
	}
	if err := unmarshalAt(p.File, &w, path); err != nil {
		return nil, err
	}
	doc := &model.Document{Name: w.Name}
	switch {
	case w.ID != "":
		doc.Source.FileID = w.ID
	case strings.HasPrefix(w.Data, "data:"):
		src, err := decodeURL(w.Data, path+".file_data")
		if err != nil {
			return nil, err
		}
		doc.Source = src
	case w.Data != "":
		data, err := decodeBase64(w.Data)
		if err != nil {
			return nil, invalid(path+".file_data", "invalid_base64", "Invalid '%s': expected base64, or a data: URL.", bracketed(path+".file_data"))
		}
		doc.Source.Data = data
	default:
		return nil, missing(path + ".file_data")
	}
	return doc, nil
}

// thinkingText reads the thinking part of Mistral's answers: a string or an
// array of text parts.
func thinkingText(raw jsontext.Value) (string, bool) {
	if text, ok := unquote(raw); ok {
		return text, true
	}
	var inner wireContent
	if raw.Kind() != '[' || unmarshalLenient(raw, &inner) != nil {
		return "", false
	}
	var b strings.Builder
	for _, p := range inner.parts {
		text, ok := unquote(p.Text)
		if p.Type != "text" || !ok {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// decodeURL takes a data: URL apart and keeps an address as it is.
func decodeURL(s, path string) (model.Source, error) {
	if s == "" {
		return model.Source{}, missing(path)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	switch strings.ToLower(scheme) {
	case "http", "https", "s3":
		if _, err := url.Parse(s); ok && err == nil {
			return model.Source{URL: s}, nil
		}
	case "data":
		if src, ok := decodeDataURL(rest); ok {
			return src, nil
		}
		return model.Source{}, invalid(path, "invalid_value", "Invalid '%s': expected a data: URL such as 'data:image/png;base64,...'.", bracketed(path))
	}
	return model.Source{}, invalid(path, "invalid_value", "Invalid '%s': expected an https: address or a data: URL with base64 content, but got '%s'.", bracketed(path), clip(s, 60))
}

// decodeDataURL reads what follows "data:" (RFC 2397).
func decodeDataURL(rest string) (model.Source, bool) {
	head, payload, ok := strings.Cut(rest, ",")
	if !ok {
		return model.Source{}, false
	}
	mime, isBase64 := strings.CutSuffix(head, ";base64")
	if isBase64 {
		data, err := decodeBase64(payload)
		return model.Source{MIME: mime, Data: data}, err == nil && len(data) > 0
	}
	text, err := url.PathUnescape(payload)
	return model.Source{MIME: mime, Data: []byte(text)}, err == nil && text != ""
}

// decodeBase64 reads base64 of either alphabet, with or without padding.
func decodeBase64(s string) ([]byte, error) {
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	return enc.DecodeString(strings.TrimRight(s, "=\r\n"))
}

// audioMIME and audioFormat pair the contract's format names with media types.
func audioMIME(format string) string {
	if format == "mp3" {
		return "audio/mpeg"
	}
	return "audio/" + format
}

func audioFormat(mime string) string {
	switch sub := strings.TrimPrefix(mime, "audio/"); sub {
	case "mpeg", "mp3":
		return "mp3"
	case "x-wav", "wave", "vnd.wave":
		return "wav"
	default:
		return sub
	}
}
