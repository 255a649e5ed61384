package responses_test

import (
	"bytes"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/google/go-cmp/cmp"
)

func FuzzRequest(f *testing.F) {
	golden.Seeds(f, "request", func(b []byte) { f.Add(b) }, "in")
	f.Fuzz(func(t *testing.T, body []byte) {
		head, peekErr := responses.Peek(body)
		req, opts, err := responses.DecodeRequest(body, stored)
		if err != nil {
			if k := model.AsError(err).Kind; k != model.Invalid && k != model.Unsupported {
				t.Fatalf("a bad request is %v", err)
			}
			return
		}
		if req.Model != "" && (peekErr != nil || head.Model != req.Model || head.Stream != req.Stream) {
			t.Fatalf("peeked %+v (%v), decoded %q %t", head, peekErr, req.Model, req.Stream)
		}
		if _, _, err := responses.EncodeResponse(nil, responses.ResponseOptions{ID: "resp_1", Request: req, Options: opts}); err != nil {
			t.Fatal(err)
		}
		items, _, _ := responses.EncodeItems(req.Messages)
		msgs, err := responses.DecodeItems(items, nil)
		if err != nil {
			t.Fatalf("its own items are refused: %v\n%s", err, items)
		}
		if again, _, _ := responses.EncodeItems(msgs); !bytes.Equal(items, again) {
			t.Fatalf("items are not stable:\n%s\n%s", items, again)
		}
		out, _, err := responses.EncodeRequest(req, opts)
		if err != nil {
			return
		}
		second, opts2, err := responses.DecodeRequest(out, nil)
		if err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, out)
		}
		out2, _, err := responses.EncodeRequest(second, opts2)
		if err != nil || !bytes.Equal(out, out2) {
			t.Fatalf("encoding is not stable: %v\n%s\n%s", err, out, out2)
		}
	})
}

func FuzzStream(f *testing.F) {
	golden.Seeds(f, "stream", func(b []byte) { f.Add(b, 7) }, "in")
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		whole, err := golden.Drain(responses.DecodeEvents(golden.Split(body, 1<<20)))
		apart, err2 := golden.Drain(responses.DecodeEvents(golden.Split(body, 1+(n&0xff))))
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
		if _, err := golden.Drain(responses.DecodeEvents(golden.Split(out, 1<<20))); err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, out)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	golden.Seeds(f, "answer", func(b []byte) { f.Add(b) }, "response")
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := responses.DecodeResponse(body)
		if err == nil {
			if _, _, err := responses.EncodeResponse(r, responses.ResponseOptions{ID: "resp_1"}); err != nil {
				t.Fatal(err)
			}
		}
		if items, err := responses.SplitItems(body); err == nil {
			for _, it := range items {
				if id := responses.ItemID(responses.WithItemID(it, "x")); id != "x" {
					t.Fatalf("%s gets the id %q", it, id)
				}
			}
		}
		responses.ResponseUsage(body)
	})
}
