package anthropic_test

import (
	"bytes"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/google/go-cmp/cmp"
)

func FuzzRequest(f *testing.F) {
	golden.Seeds(f, "request", func(b []byte) { f.Add(b) }, "in", "out")
	f.Fuzz(func(t *testing.T, body []byte) {
		head, peekErr := anthropic.Peek(body)
		req, err := anthropic.DecodeRequest(body)
		if err != nil {
			if k := model.AsError(err).Kind; k != model.Invalid && k != model.Unsupported {
				t.Fatalf("a bad request is %v", err)
			}
			return
		}
		if peekErr != nil || head.Model != req.Model || head.Stream != req.Stream || head.MaxTokens != *req.MaxTokens {
			t.Fatalf("peeked %+v (%v), decoded %q %t", head, peekErr, req.Model, req.Stream)
		}
		renamed, err := anthropic.RewriteModel(body, "other/\"name")
		if again, err2 := anthropic.Peek(renamed); err != nil || err2 != nil || again.Model != "other/\"name" {
			t.Fatalf("renaming gives %q: %v %v", renamed, err, err2)
		}
		out, _, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{})
		if err != nil {
			return
		}
		second, err := anthropic.DecodeRequest(out)
		if err != nil {
			if len(substance(req)) == 0 {
				return
			}
			t.Fatalf("its own output is refused: %v\n%s", err, out)
		}
		out2, _, err := anthropic.EncodeRequest(second, anthropic.RequestOptions{})
		if err != nil || !bytes.Equal(out, out2) {
			t.Fatalf("encoding is not stable: %v\n%s\n%s", err, out, out2)
		}
	})
}

// substance lists the messages that have content: without any, nothing is left to encode.
func substance(req *model.Request) (some []model.Message) {
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			switch p := p.(type) {
			case *model.Text:
				if p.Text == "" {
					continue
				}
			case *model.Reasoning, *model.CachePoint:
				continue
			}
			if m.Role != model.RoleSystem {
				some = append(some, m)
			}
			break
		}
	}
	return some
}

func FuzzStream(f *testing.F) {
	golden.Seeds(f, "stream", func(b []byte) { f.Add(b, 7) }, "in", "message", "out")
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		whole, err := golden.Drain(anthropic.DecodeEvents(golden.Split(body, 1<<20)))
		apart, err2 := golden.Drain(anthropic.DecodeEvents(golden.Split(body, 1+(n&0xff))))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v, split: %v", err, err2)
		}
		if d := cmp.Diff(whole, apart); d != "" {
			t.Fatalf("split bytes give other events:\n%s", d)
		}
		if err != nil {
			return
		}
		if err := modeltest.CheckOrder(whole); err != nil {
			t.Fatalf("the events break the hub's order: %v", err)
		}
		out := encodeStream(t, whole, nil)
		again, err := golden.Drain(anthropic.DecodeEvents(golden.Split(out, 1<<20)))
		if err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, out)
		}
		if out2 := encodeStream(t, again, nil); !bytes.Equal(out, out2) {
			t.Fatalf("encoding is not stable:\n%s\n%s", out, out2)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	golden.Seeds(f, "stream", func(b []byte) { f.Add(b, 200) }, "in", "message", "out")
	f.Add([]byte(`{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`), 429)
	f.Add([]byte(`{"data":[{"type":"model","id":"m","display_name":"M","created_at":"2025-01-01T00:00:00Z"}],"has_more":true}`), 200)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if r, err := anthropic.DecodeResponse(body); err == nil {
			if _, _, err := anthropic.EncodeResponse(r, anthropic.ResponseOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		e := anthropic.DecodeError(status, nil, body)
		if code, out := anthropic.EncodeError(e, "req"); code < 400 || len(out) == 0 {
			t.Fatalf("error %v becomes %d %s", e, code, out)
		}
		_, _, _ = anthropic.DecodeModels(body)
		_, _ = anthropic.DecodeCount(body)
	})
}
