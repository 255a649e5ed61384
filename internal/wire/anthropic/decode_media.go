package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

func decodeImage(v raw.Value) (model.Part, error) {
	src := v.Get("source")
	if !src.Exists() {
		return nil, v.Missing("source")
	}
	img := &model.Image{}
	known, err := decodeSource(src, &img.Source)
	if err != nil {
		return nil, err
	}
	if !known {
		return &model.Opaque{Dialect: dialect, Raw: v.Compact()}, nil
	}
	return img, nil
}

// decodeSource reads the source kinds that images and documents share;
// known is false for one that it does not know.
func decodeSource(v raw.Value, src *model.Source) (known bool, err error) {
	var kind string
	if !v.IsObject() {
		return false, v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return false, err
	}
	switch kind {
	case "base64":
		if err := need(v, "media_type", &src.MIME); err != nil {
			return false, err
		}
		data := v.Get("data")
		if !data.Exists() {
			return false, v.Missing("data")
		}
		return true, data.Base64(&src.Data)
	case "url":
		return true, need(v, "url", &src.URL)
	case "file":
		return true, need(v, "file_id", &src.FileID)
	}
	return false, nil
}

func decodeDocument(v raw.Value) (model.Part, error) {
	src := v.Get("source")
	if !src.Exists() {
		return nil, v.Missing("source")
	}
	doc := &model.Document{}
	known, err := decodeSource(src, &doc.Source)
	if err != nil {
		return nil, err
	}
	switch kind := src.Get("type").Text(); {
	case known:
	case kind == "text":
		doc.Source.MIME = "text/plain"
		if err := need(src, "data", &doc.Source.Text); err != nil {
			return nil, err
		}
	case kind == "content":
		content := src.Get("content")
		if !content.Exists() {
			return nil, src.Missing("content")
		}
		if doc.Content, err = decodeContent(content); err != nil {
			return nil, err
		}
	default:
		return &model.Opaque{Dialect: dialect, Raw: v.Compact()}, nil
	}
	if err := v.Get("title").OptString(&doc.Title); err != nil {
		return nil, err
	}
	if err := v.Get("context").OptString(&doc.Context); err != nil {
		return nil, err
	}
	return doc, decodeCitationSwitch(v.Get("citations"), &doc.Citations)
}

func decodeCitationSwitch(v raw.Value, on *bool) error {
	if !v.Given() {
		return nil
	}
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	enabled := v.Get("enabled")
	if !enabled.Exists() {
		return nil
	}
	return enabled.Bool(on)
}

func decodeSearchResult(v raw.Value) (model.Part, error) {
	res := &model.SearchResult{}
	if err := need(v, "source", &res.Source); err != nil {
		return nil, err
	}
	if err := need(v, "title", &res.Title); err != nil {
		return nil, err
	}
	content := v.Get("content")
	if !content.Exists() {
		return nil, v.Missing("content")
	}
	parts, err := decodeContent(content)
	if err != nil {
		return nil, err
	}
	res.Content = parts
	return res, decodeCitationSwitch(v.Get("citations"), &res.Citations)
}
