package openai_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
)

// canned answers without a network, so that what is measured is this side.
type canned struct{ body string }

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}},
		Body: io.NopCloser(strings.NewReader(c.body)), Request: req}, nil
}

func BenchmarkRelay(b *testing.B) {
	p := connect(b, provider.Config{Kind: "openai", APIKey: provider.StaticKey("k"), Instance: "me", Transport: canned{completion}})
	x := &model.Exchange{Dialect: model.DialectOpenAIChat, Operation: "chat", Model: "m", Body: []byte(strings.Repeat("x", 1200))}
	buf := make([]byte, 32<<10)
	b.ReportAllocs()
	for b.Loop() {
		r, err := p.Relay(b.Context(), x)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Body.Read(buf)
		}
		r.Body.Close()
	}
}

func BenchmarkGenerate(b *testing.B) {
	p := connect(b, provider.Config{Kind: "openai", APIKey: provider.StaticKey("k"), Transport: canned{completion}})
	req := ask(false)
	b.ReportAllocs()
	for b.Loop() {
		s, err := p.Generate(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := model.Collect(s); err != nil {
			b.Fatal(err)
		}
	}
}
