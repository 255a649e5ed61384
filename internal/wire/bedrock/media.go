package bedrock

import (
	"bytes"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// formats pairs Bedrock's format names with media types, per kind of medium.
// The first row of a media type is the one encoders write; the first row of a
// format is the one decoders read.
var formats = map[string][][2]string{
	"image": {
		{"png", "image/png"}, {"jpeg", "image/jpeg"}, {"jpeg", "image/jpg"}, {"gif", "image/gif"}, {"webp", "image/webp"},
	},
	"document": {
		{"pdf", "application/pdf"}, {"csv", "text/csv"}, {"doc", "application/msword"},
		{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"xls", "application/vnd.ms-excel"},
		{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"html", "text/html"}, {"txt", "text/plain"}, {"md", "text/markdown"}, {"md", "text/x-markdown"},
	},
	"video": {
		{"mkv", "video/x-matroska"}, {"mov", "video/quicktime"}, {"mp4", "video/mp4"}, {"webm", "video/webm"},
		{"flv", "video/x-flv"}, {"mpeg", "video/mpeg"}, {"mpg", "video/mpg"}, {"wmv", "video/x-ms-wmv"},
		{"three_gp", "video/3gpp"},
	},
	"audio": {
		{"mp3", "audio/mpeg"}, {"mp3", "audio/mp3"}, {"opus", "audio/opus"}, {"wav", "audio/wav"},
		{"wav", "audio/x-wav"}, {"wav", "audio/wave"}, {"aac", "audio/aac"}, {"flac", "audio/flac"},
		{"mp4", "audio/mp4"}, {"ogg", "audio/ogg"}, {"mkv", "video/x-matroska"}, {"mka", "audio/x-matroska"},
		{"x-aac", "audio/x-aac"}, {"m4a", "audio/x-m4a"}, {"m4a", "audio/m4a"}, {"mpeg", "audio/x-mpeg"},
		{"mpga", "audio/mpga"}, {"pcm", "audio/pcm"}, {"pcm", "audio/l16"}, {"webm", "audio/webm"},
	},
}

// mimeOf turns a format name into a media type; an unknown one keeps its name.
func mimeOf(kind, format string) string {
	if format == "" {
		return ""
	}
	for _, f := range formats[kind] {
		if f[0] == format {
			return f[1]
		}
	}
	return kind + "/" + format
}

// formatOf turns a media type into a format name; "" when Converse has none.
func formatOf(kind, mime string) string {
	mime, _, _ = strings.Cut(strings.ToLower(mime), ";")
	mime = strings.TrimSpace(mime)
	for _, f := range formats[kind] {
		if f[1] == mime {
			return f[0]
		}
	}
	return ""
}

// magic recognises the image and document formats Converse takes by their first bytes.
var magic = [][2]string{
	{"\x89PNG\r\n\x1a\n", "png"}, {"\xff\xd8\xff", "jpeg"}, {"GIF8", "gif"}, {"%PDF-", "pdf"},
}

// sniff names the format of data whose media type is not told; "" when unknown.
func sniff(data []byte) string {
	for _, m := range magic {
		if bytes.HasPrefix(data, []byte(m[0])) {
			return m[1]
		}
	}
	if len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return "webp"
	}
	return ""
}

// mediumOf maps an image, video, audio or document block.
func mediumOf(b *blockShape, path string) (model.Part, *model.Error) {
	switch {
	case b.Image != nil:
		src, err := sourceOf(b.Image.Source, "image", b.Image.Format, path+".image")
		return &model.Image{Source: src}, err
	case b.Video != nil:
		src, err := sourceOf(b.Video.Source, "video", b.Video.Format, path+".video")
		return &model.Video{Source: src}, err
	case b.Audio != nil:
		src, err := sourceOf(b.Audio.Source, "audio", b.Audio.Format, path+".audio")
		return &model.Audio{Source: src}, err
	}
	d := b.Document
	doc := &model.Document{Name: d.Name, Context: d.Context, Citations: d.Citations != nil && d.Citations.Enabled}
	if d.Source != nil && d.Source.Content != nil {
		doc.Source.MIME = mimeOf("document", d.Format)
		doc.Content = textParts(d.Source.Content)
		return doc, nil
	}
	src, err := sourceOf(d.Source, "document", d.Format, path+".document")
	doc.Source = src
	return doc, err
}

func sourceOf(s *sourceShape, kind, format, path string) (model.Source, *model.Error) {
	src := model.Source{MIME: mimeOf(kind, format)}
	switch {
	case s == nil:
	case s.Bytes != nil:
		src.Data = s.Bytes
		return src, nil
	case s.S3 != nil && s.S3.URI != "":
		src.URL, src.BucketOwner = s.S3.URI, s.S3.BucketOwner
		return src, nil
	case s.Text != nil && kind == "document":
		src.Text = *s.Text
		return src, nil
	}
	return src, model.Errorf(model.Invalid, path+".source", "The source field at %s is empty.", path).
		WithHint("Give bytes or s3Location.")
}
