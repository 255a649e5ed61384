package openai_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// seed adds the inputs of the golden cases of a kind.
func seed(f *testing.F, kind string, add func(data []byte)) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden cases")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if in := txtar.Parse(data).Files[0]; in.Name == kind {
			add(bytes.TrimSpace(in.Data))
		}
	}
}

func wantError(t *testing.T, err error, kinds ...model.Kind) {
	t.Helper()
	var known *model.Error
	if !errors.As(err, &known) {
		t.Fatalf("%v is no *model.Error", err)
	}
	for _, k := range kinds {
		if known.Kind == k {
			return
		}
	}
	t.Fatalf("%v is of kind %v, want one of %v", err, known.Kind, kinds)
}

// FuzzDecodeRequest: no panic; what decodes is encoded as JSON that decodes to
// the same; the fast lane understands what the slow one does.
func FuzzDecodeRequest(f *testing.F) {
	seed(f, "request.json", func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, body []byte) {
		req, _, err := openai.DecodeRequest(body)
		peeked, peekErr := openai.Peek(body)
		if err != nil {
			wantError(t, err, model.Invalid, model.Unsupported)
			return
		}
		if peekErr != nil {
			t.Fatalf("decoded, but not peeked: %v", peekErr)
		}
		if peeked.Model != req.Model || peeked.Stream != req.Stream || peeked.User != req.User {
			t.Fatalf("peeked %+v, decoded %s", peeked, dump(req))
		}
		encoded, losses, err := full.EncodeRequest(req)
		if err != nil {
			t.Fatal(err)
		}
		if !gjson.ValidBytes(encoded) {
			t.Fatalf("encoded as %s", encoded)
		}
		again, _, err := openai.DecodeRequest(encoded)
		if err != nil {
			if len(losses) > 0 {
				return
			}
			t.Fatalf("%v\nof %s", err, encoded)
		}
		twice, _, err := full.EncodeRequest(again)
		if err != nil {
			t.Fatal(err)
		}
		if len(losses) == 0 && !bytes.Equal(encoded, twice) {
			t.Fatalf("encoded as\n%s\nthen as\n%s", encoded, twice)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	seed(f, "response.json", func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := openai.DecodeResponse(body)
		if err != nil {
			var known *model.Error
			if !errors.As(err, &known) {
				t.Fatalf("%v is no *model.Error", err)
			}
			return
		}
		encoded, _, err := openai.EncodeResponse(r, openai.EncoderOptions{})
		if err != nil || !gjson.ValidBytes(encoded) {
			t.Fatalf("encoded as %s, %v", encoded, err)
		}
		if _, err := openai.DecodeResponse(encoded); err != nil {
			t.Fatalf("%v\nof %s", err, encoded)
		}
	})
}

// collectEvents reads a stream to its end, checking the hub's order on the way.
func collectEvents(t *testing.T, r io.Reader) ([]model.Event, error) {
	t.Helper()
	stream := openai.DecodeEvents(io.NopCloser(r))
	var events []model.Event
	var order model.Collector
	open := map[[2]int]bool{}
	for {
		ev, err := stream.Next()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				t.Fatalf("parts %v were left open", open)
			}
			return events, nil
		}
		if err != nil {
			return events, err
		}
		key := [2]int{ev.Choice, ev.Index}
		switch ev.Kind {
		case model.EventPartStart:
			open[key] = true
		case model.EventPartStop:
			if !open[key] {
				t.Fatalf("part %v was closed while not open", key)
			}
			delete(open, key)
		}
		if len(events) == 0 && ev.Kind != model.EventStart {
			t.Fatalf("the first event is %s", dump(ev))
		}
		if err := order.Add(ev); err != nil {
			t.Fatalf("out of order: %v", err)
		}
		events = append(events, ev)
	}
}

// FuzzDecodeEvents: events do not depend on how the stream was split, keep the
// hub's order, and can be encoded again.
func FuzzDecodeEvents(f *testing.F) {
	seed(f, "stream.txt", func(data []byte) { f.Add(data, uint8(3)) })
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		events, err := collectEvents(t, bytes.NewReader(data))
		split, splitErr := collectEvents(t, &stutter{data, int(size)%32 + 1})
		if diff := cmp.Diff(events, split); diff != "" {
			t.Fatalf("events (-whole +split):\n%s", diff)
		}
		if (err == nil) != (splitErr == nil) {
			t.Fatalf("whole: %v, split: %v", err, splitErr)
		}
		if err != nil {
			var known *model.Error
			if !errors.As(err, &known) {
				t.Fatalf("%v is no *model.Error", err)
			}
		}
		enc := openai.NewEncoder(openai.EncoderOptions{IncludeUsage: true})
		var out []byte
		for _, ev := range events {
			if out, err = enc.Append(out, ev); err != nil {
				t.Fatal(err)
			}
		}
		for _, line := range strings.Split(string(enc.Finish(out)), "\n\n") {
			if data, ok := strings.CutPrefix(line, "data: {"); ok && !gjson.Valid("{"+data) {
				t.Fatalf("encoded as %s", line)
			}
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	seed(f, "error.http", func(data []byte) {
		_, body, _ := bytes.Cut(data, []byte("\n\n"))
		f.Add(400, body)
	})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := openai.DecodeError(status, nil, body)
		shown, answer := openai.EncodeError(e)
		if shown < 400 || shown > 599 || !gjson.ValidBytes(answer) || gjson.GetBytes(answer, "error.message").Str == "" {
			t.Fatalf("shown as %d %s", shown, answer)
		}
	})
}

func FuzzEmbed(f *testing.F) {
	seed(f, "embed.json", func(data []byte) { f.Add(data) })
	f.Add([]byte(`{"data":[{"embedding":"AAAAPw==","index":0}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"data":[{"embedding":[0.5,1e-3]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if req, _, err := openai.DecodeEmbedRequest(body); err != nil {
			wantError(t, err, model.Invalid)
		} else if out, _, err := openai.EncodeEmbedRequest(req); err != nil || !gjson.ValidBytes(out) {
			t.Fatalf("encoded as %s, %v", out, err)
		}
		if r, err := openai.DecodeEmbedResponse(body, 0); err != nil {
			wantError(t, err, model.UpstreamGarbage)
		} else if out := openai.EncodeEmbedResponse(r, openai.EmbedOptions{}); !gjson.ValidBytes(out) {
			t.Fatalf("encoded as %s", out)
		}
		if cards, err := openai.DecodeModels(body); err == nil && !gjson.ValidBytes(openai.EncodeModels(cards)) {
			t.Fatalf("encoded as %s", openai.EncodeModels(cards))
		}
	})
}

// FuzzFastLane: rewriting yields what the slow lane reads as the same request
// with another model; scanner and filter do not depend on splits, and a filter
// takes out nothing but usage.
func FuzzFastLane(f *testing.F) {
	seed(f, "request.json", func(data []byte) { f.Add(data, uint8(3)) })
	seed(f, "stream.txt", func(data []byte) { f.Add(data, uint8(3)) })
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		fuzzRewrite(t, data)
		var whole, split openai.UsageFilter
		want := whole.Flush(whole.Append(nil, data))
		scanned, scannedSplit := openai.NewUsageScanner(nil), openai.NewUsageScanner(nil)
		scanned.Scan(data)
		var got []byte
		for p := data; len(p) > 0; {
			n := min(int(size)%32+1, len(p))
			got = split.Append(got, p[:n])
			scannedSplit.Scan(p[:n])
			p = p[n:]
		}
		if got = split.Flush(got); !bytes.Equal(got, want) {
			t.Fatalf("filtered whole: %q\nsplit: %q", want, got)
		}
		if !bytes.Contains(data, []byte(`usage`)) && !bytes.Equal(want, data) {
			t.Fatalf("filtered %q of %q", want, data)
		}
		u1, ok1 := scanned.Usage()
		u2, ok2 := scannedSplit.Usage()
		if u1 != u2 || ok1 != ok2 || scanned.Stop() != scannedSplit.Stop() || scanned.Deltas() != scannedSplit.Deltas() {
			t.Fatalf("scanned whole: %+v, split: %+v", u1, u2)
		}
		openai.UsageOf(data)
	})
}

func fuzzRewrite(t *testing.T, data []byte) {
	req, _, err := openai.DecodeRequest(data)
	out, rewriteErr := openai.RewriteModel(data, "other")
	if err != nil {
		return
	}
	if rewriteErr != nil {
		t.Fatalf("decoded, but not rewritten: %v", rewriteErr)
	}
	got, _, err := openai.DecodeRequest(out)
	if err != nil {
		t.Fatalf("%v\nof %s", err, out)
	}
	req.Model = "other"
	if diff := cmp.Diff(req, got); diff != "" {
		t.Fatalf("rewritten (-want +got):\n%s", diff)
	}
	asked, err := openai.AskUsage(data)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := openai.Peek(asked); err != nil || !p.IncludeUsage {
		t.Fatalf("asked for usage by %s: %+v, %v", asked, p, err)
	}
}
