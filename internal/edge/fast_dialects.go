package edge

import (
	"bytes"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// openAIFast is the fast lane of Chat Completions.
var openAIFast = &fastDialect{
	dialect: model.DialectOpenAIChat, operation: "chat",
	peek: func(body []byte) (fastRequest, bool) {
		p, err := openai.Peek(body)
		if err != nil || p.Store {
			return fastRequest{}, false
		}
		f := fastRequest{model: p.Model, stream: p.Stream, rename: p.Rename, bound: gateway.Bound(gateway.Peeked{
			TextBytes: len(body) - p.MediaBytes, Media: p.Media, MaxTokens: p.MaxTokens, N: p.N, ServiceTier: p.ServiceTier})}
		f.watch = func() watcher { return &openAIWatch{scan: openai.NewUsageScanner(nil)} }
		if p.Stream && !p.IncludeUsage {
			f.rename = func(body []byte, name string) ([]byte, error) {
				body, err := p.Rename(body, name)
				if err != nil {
					return nil, err
				}
				return openai.AskUsage(body) // which the client did not ask for
			}
			f.watch = func() watcher { return &openAIWatch{scan: openai.NewUsageScanner(nil), filter: &openai.UsageFilter{}} }
		}
		return f, true
	},
	usage: openai.UsageOf,
	failed: func(tail []byte) bool {
		return bytes.Contains(tail, []byte(`data: {"error":`)) || bytes.Contains(tail, []byte(`data:{"error":`))
	},
}

// openAIWatch watches a stream of Chat Completions chunks.
type openAIWatch struct {
	scan   *openai.UsageScanner
	hold   eventHold
	filter *openai.UsageFilter // holds too
}

func (w *openAIWatch) Pass(dst, p []byte) []byte {
	w.scan.Scan(p)
	if w.filter == nil {
		return w.hold.Append(dst, p)
	}
	return w.filter.Append(dst, p)
}

func (w *openAIWatch) End(dst []byte, broken *model.Error) []byte {
	var last interface {
		Flush(dst []byte) []byte
		Break(dst []byte) []byte
	} = &w.hold
	if w.filter != nil {
		last = w.filter
	}
	if broken == nil {
		return last.Flush(dst)
	}
	dst = last.Break(dst)
	return openai.NewEncoder(openai.EncoderOptions{}).AppendError(dst, broken)
}

func (w *openAIWatch) Usage() (model.Usage, bool) { return w.scan.Usage() }

// anthropicFast is the fast lane of Messages.
var anthropicFast = &fastDialect{
	dialect: model.DialectAnthropic, operation: "messages", named: anthropic.PeekModel,
	peek: func(body []byte) (fastRequest, bool) {
		p, err := anthropic.Peek(body)
		if err != nil {
			return fastRequest{}, false
		}
		return fastRequest{
			model: p.Model, stream: p.Stream, rename: anthropic.RewriteModel,
			bound: gateway.Bound(gateway.Peeked{
				TextBytes: len(body) - p.ImageBytes, Media: p.Images, MaxTokens: p.MaxTokens, N: 1, ServiceTier: p.ServiceTier}),
			watch: func() watcher { return &anthropicWatch{} },
		}, true
	},
	usage:   anthropic.ResponseUsage,
	failed:  func(tail []byte) bool { return bytes.Contains(tail, []byte("event: error\n")) },
	forward: []string{"Anthropic-Version", "Anthropic-Beta"},
}

// anthropicWatch watches a stream of Messages events.
type anthropicWatch struct {
	scan anthropic.UsageScanner
	hold eventHold
}

func (w *anthropicWatch) Pass(dst, p []byte) []byte {
	_, _ = w.scan.Write(p) // never fails
	return w.hold.Append(dst, p)
}

func (w *anthropicWatch) End(dst []byte, broken *model.Error) []byte {
	if broken == nil {
		return w.hold.Flush(dst)
	}
	return anthropic.NewEncoder(anthropic.ResponseOptions{}).AppendError(w.hold.Break(dst), broken)
}

func (w *anthropicWatch) Usage() (model.Usage, bool) {
	u, _ := w.scan.Usage()
	return u, w.scan.Final()
}
