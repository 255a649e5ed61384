package mcp

import (
	"fmt"
	"path"
	"strings"

	"github.com/go-json-experiment/json"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// result maps what a tool answered.
func result(got *sdk.CallToolResult) tool.Result {
	if len(got.InputRequests) > 0 {
		return tool.Result{Error: true, Content: []model.Part{&model.Text{
			Text: "The tool asks for further input in mid-call, which cannot be given here. It did not finish."}}}
	}
	out := tool.Result{Error: got.IsError}
	for _, c := range got.Content {
		if p := part(c); p != nil {
			out.Content = append(out.Content, p)
		}
	}
	if got.StructuredContent != nil {
		if raw, err := json.Marshal(got.StructuredContent, json.Deterministic(true)); err == nil {
			out.Structured = raw
		}
	}
	if len(out.Content) == 0 && out.Structured != nil {
		out.Content = []model.Part{&model.Structured{JSON: out.Structured}}
	}
	return out
}

// part maps one piece of content; nil for one that holds nothing.
func part(c sdk.Content) model.Part {
	switch c := c.(type) {
	case *sdk.TextContent:
		return &model.Text{Text: strings.ToValidUTF8(c.Text, "\uFFFD")}
	case *sdk.ImageContent:
		return &model.Image{Source: model.Source{MIME: c.MIMEType, Data: c.Data}}
	case *sdk.AudioContent:
		return &model.Audio{Source: model.Source{MIME: c.MIMEType, Data: c.Data}}
	case *sdk.ResourceLink:
		return &model.Text{Text: pointer(c)}
	case *sdk.EmbeddedResource:
		if c.Resource != nil {
			return resource(c.Resource)
		}
	}
	return nil
}

func pointer(c *sdk.ResourceLink) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Resource %s: %s", c.Name, c.URI)
	if c.MIMEType != "" {
		fmt.Fprintf(&b, " (%s)", c.MIMEType)
	}
	if c.Description != "" {
		b.WriteString("\n" + c.Description)
	}
	return b.String()
}

// resource maps an embedded resource: a text, an image, or a document.
func resource(r *sdk.ResourceContents) model.Part {
	source := model.Source{MIME: r.MIMEType, Data: r.Blob}
	switch {
	case len(r.Blob) == 0:
		return &model.Text{Text: strings.ToValidUTF8(r.Text, "\uFFFD")}
	case strings.HasPrefix(r.MIMEType, "image/"):
		return &model.Image{Source: source}
	case strings.HasPrefix(r.MIMEType, "audio/"):
		return &model.Audio{Source: source}
	}
	return &model.Document{Source: source, Name: path.Base(r.URI)}
}
