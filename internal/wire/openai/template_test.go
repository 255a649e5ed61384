package openai

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/model"
)

// read decodes a stream with or without the shortcut for repeating chunks.
func read(stream []byte, shortcut bool) (events []model.Event, hits int, err error) {
	s := DecodeEvents(io.NopCloser(bytes.NewReader(stream))).(*eventStream)
	for {
		if !shortcut {
			s.pattern.fruitless = maxFruitless
		}
		ev, err := s.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return events, hits, err
		}
		if shortcut && s.pattern.fruitless == 0 && len(s.pattern.prefix) > 0 {
			hits++
		}
		events = append(events, ev)
	}
}

func compare(t *testing.T, stream []byte) (hits int) {
	t.Helper()
	want, _, wantErr := read(stream, false)
	got, hits, err := read(stream, true)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("events (-parsed +shortcut):\n%s\nof %s", diff, stream)
	}
	if (wantErr == nil) != (err == nil) {
		t.Fatalf("parsed: %v, shortcut: %v\nof %s", wantErr, err, stream)
	}
	return hits
}

// chunks makes a stream of chunks that differ in one text, and in padding.
func chunks(head, tail string, texts ...string) []byte {
	var b strings.Builder
	for i, text := range texts {
		b.WriteString("data: " + head + `"` + text + `"` + strings.ReplaceAll(tail, "PAD", strings.Repeat("x", i%7)) + "\n\n")
	}
	return []byte(b.String() + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

var shapes = map[string][2]string{
	"text":      {`{"id":"1","choices":[{"index":0,"delta":{"content":`, `},"finish_reason":null}],"usage":null}`},
	"padded":    {`{"id":"1","choices":[{"delta":{"content":`, `}}],"obfuscation":"PAD"}`},
	"thinking":  {`{"id":"1", "choices": [{"delta": {"reasoning_content": `, `, "content": null}}]}`},
	"arguments": {`{"id":"1","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":`, `}}]}}]}`},
	"input":     {`{"id":"1","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"f","input":`, `}}]}}]}`},
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	texts := []string{"a", "b", "", `\n\"quoted\" \u00e9`, "世界", "c", `\ud83d\ude42`, "d"}
	for name, shape := range shapes {
		if hits := compare(t, chunks(shape[0], shape[1], texts...)); hits < len(texts)-3 {
			t.Errorf("%s: %d of %d chunks were recognised", name, hits, len(texts))
		}
		for _, odd := range []string{`"`, `a","content":"b`, `\x`, `\u12`, "\n", "\x01", "\xff", `\`, `\ud800`} {
			compare(t, chunks(shape[0], shape[1], "a", "b", odd, "c"))
		}
	}
	compare(t, chunks(`{"id":"1","choices":[{"delta":{"content":`, `,"content":"a"}}]}`, "a", "a", "b"))
	compare(t, chunks(`{"id":"1","choices":[{"delta":{"content":`, `,"cont\u0065nt":"a"}}]}`, "a", "a", "b"))
	compare(t, chunks(`{"id":"1","choices":[{"delta":{"content":`, `}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, "a", "a", "b"))
}

// FuzzTemplate: the shortcut changes nothing.
func FuzzTemplate(f *testing.F) {
	for _, shape := range shapes {
		f.Add(shape[0], shape[1], "a", "b")
	}
	f.Fuzz(func(t *testing.T, head, tail, a, b string) {
		if strings.ContainsAny(head+tail+a+b, "\r\n") {
			return
		}
		compare(t, chunks(head, tail, a, a, b, a))
	})
}
