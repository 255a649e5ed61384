package server

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// idleBackend generates the letter a for nothing, so that what remains is the
// cost of serving a token.
type idleBackend struct{}

func (idleBackend) Decode([]llama.BatchToken) error              { return nil }
func (idleBackend) Logits(int) []float32                         { return nil }
func (idleBackend) Sampler(llama.SamplerParams) (sampler, error) { return idleSampler{}, nil }
func (idleBackend) Remove(int, int32, int32) bool                { return true }
func (idleBackend) Copy(_, _ int, _, _ int32)                    {}

type idleSampler struct{}

func (idleSampler) Sample(int) (llama.Token, error) { return 'a', nil }
func (idleSampler) SetGrammar(string) error         { return nil }
func (idleSampler) Feed(llama.Token) bool           { return true }
func (idleSampler) Close()                          {}

// BenchmarkStreamedTokens shows the cost of a streamed token beside the model's,
// client included. Tokens that are ready together share a write, so that it
// falls when the model is this quick.
func BenchmarkStreamedTokens(b *testing.B) {
	const tokens = 1000
	url := serveBackend(b, idleBackend{}, limits{parallel: 1, context: 2000, batch: 256, chunk: 64, queue: 2, partial: true})
	b.ReportAllocs()
	for b.Loop() {
		body := chatBody(`"stream":true,"max_tokens":1000`)
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testToken)
		response, err := httpClient.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		}
		_ = response.Body.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tokens, "ns/token")
}
