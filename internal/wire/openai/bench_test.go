package openai_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// body2K is a request of about 2 KB: some turns and two tools.
var body2K = func() []byte {
	var b strings.Builder
	b.WriteString(`{"model":"upstream/model","temperature":0.7,"max_completion_tokens":512,"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"system","content":"You are a helpful assistant."}`)
	for i := range 5 {
		fmt.Fprintf(&b, `,{"role":"user","content":"Question %d: what can be said of \"old, stable cores\" of continents, and why do they matter to geologists?"},{"role":"assistant","content":"Answer %d: they have survived the merging and splitting of continents.\nThey are found in the interiors of plates."}`, i, i)
	}
	b.WriteString(`,{"role":"user","content":"Go on."}],"tools":[{"type":"function","function":{"name":"search","description":"Searches the library","parameters":{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}}},{"type":"function","function":{"name":"fetch","parameters":{"type":"object","properties":{"url":{"type":"string"}}}}}],"tool_choice":"auto"}`)
	return []byte(b.String())
}()

var textDelta = model.Event{Kind: model.EventDelta, Text: " the old, stable core of a continent\n"}

func openedEncoder(tb testing.TB) *openai.Encoder {
	enc := openai.NewEncoder(openai.EncoderOptions{ID: "chatcmpl-123456789", Model: "upstream/model", Created: 1700000000})
	for _, ev := range []model.Event{{Kind: model.EventStart}, {Kind: model.EventPartStart, Part: &model.Text{}}, {Kind: model.EventPartStart, Index: 1, Part: &model.ToolCall{ID: "1", Name: "f"}}} {
		if _, err := enc.Append(nil, ev); err != nil {
			tb.Fatal(err)
		}
	}
	return enc
}

func TestEncoderAllocations(t *testing.T) {
	enc := openedEncoder(t)
	buf := make([]byte, 0, 4096)
	call := model.Event{Kind: model.EventDelta, Index: 1, Text: `{"a":`}
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = enc.Append(buf[:0], textDelta)
		buf, _ = enc.Append(buf[:0], call)
	}); n != 0 {
		t.Errorf("encoding two deltas allocates %v times, want 0", n)
	}
}

func TestScannerAllocations(t *testing.T) {
	s := openai.NewUsageScanner(nil)
	var f openai.UsageFilter
	p := passingChunk
	buf := f.Append(make([]byte, 0, 4096), p)
	s.Scan(p)
	if n := testing.AllocsPerRun(100, func() {
		s.Scan(p)
		buf = f.Append(buf[:0], p)
	}); n != 0 {
		t.Errorf("a chunk passing by allocates %v times, want 0", n)
	}
}

func BenchmarkEncodeDelta(b *testing.B) {
	b.ReportAllocs()
	enc := openedEncoder(b)
	var buf []byte
	var err error
	for b.Loop() {
		if buf, err = enc.Append(buf[:0], textDelta); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkDecodeDelta reads a stream of 1,000 deltas of text.
func BenchmarkDecodeDelta(b *testing.B) {
	const deltas = 1000
	var stream bytes.Buffer
	for i := range deltas {
		fmt.Fprintf(&stream, "data: {\"id\":\"chatcmpl-123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5.1\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_abc\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token %d\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"abcdef\"}\n\n", i)
	}
	stream.WriteString("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	b.ReportAllocs()
	b.SetBytes(int64(stream.Len()) / deltas)
	read := 0
	for b.Loop() {
		s := openai.DecodeEvents(io.NopCloser(bytes.NewReader(stream.Bytes())))
		for {
			ev, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			if ev.Kind == model.EventDelta {
				read++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(read), "ns/delta")
}

func BenchmarkDecodeRequest(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body2K)))
	for b.Loop() {
		if _, _, err := openai.DecodeRequest(body2K); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeRequest(b *testing.B) {
	req, _, err := openai.DecodeRequest(body2K)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := openai.EncodeRequest(req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body2K)))
	for b.Loop() {
		if _, err := openai.Peek(body2K); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewriteModel(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body2K)))
	for b.Loop() {
		if _, err := openai.RewriteModel(body2K, "gpt-5.1"); err != nil {
			b.Fatal(err)
		}
	}
}

var passingChunk = []byte("data: {\"id\":\"chatcmpl-123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5.1\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_abc\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n")

func BenchmarkUsageScanner(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(passingChunk)))
	s := openai.NewUsageScanner(nil)
	for b.Loop() {
		s.Scan(passingChunk)
	}
}

func BenchmarkUsageFilter(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(passingChunk)))
	var f openai.UsageFilter
	var buf []byte
	for b.Loop() {
		buf = f.Append(buf[:0], passingChunk)
	}
}
