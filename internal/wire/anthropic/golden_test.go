package anthropic_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestRequestGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "request", func(t *testing.T, in []byte) []txtar.File {
		req, err := anthropic.DecodeRequest(in)
		if err != nil {
			return []txtar.File{golden.Section("error", golden.Describe(nil, err))}
		}
		out, losses, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{})
		again, err2 := anthropic.DecodeRequest(out)
		if err2 != nil {
			t.Fatalf("its own output is refused: %v", err2)
		}
		if d := cmp.Diff(req, again); d != "" {
			t.Errorf("decoding the output gives another request (-first +second):\n%s", d)
		}
		return []txtar.File{golden.Section("hub", golden.Shape(req.Messages)), golden.Section("out", golden.Indent(out)), golden.Section("losses", golden.Describe(losses, err))}
	})
}

func TestStreamGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "stream", func(t *testing.T, in []byte) []txtar.File {
		events, err := golden.Drain(anthropic.DecodeEvents(io.NopCloser(bytes.NewReader(in))))
		if err == nil {
			if err := modeltest.CheckOrder(events); err != nil {
				t.Errorf("the events break the hub's order: %v", err)
			}
		}
		r, _ := model.Collect(model.Events(events...))
		whole, losses, encErr := anthropic.EncodeResponse(r, anthropic.ResponseOptions{})
		if encErr != nil {
			t.Fatal(encErr)
		}
		return []txtar.File{
			golden.Section("message", golden.Indent(whole)),
			golden.Section("out", encodeStream(t, events, err)),
			golden.Section("losses", golden.Describe(losses, err)),
		}
	})
}

func encodeStream(t interface{ Fatalf(string, ...any) }, events []model.Event, end error) []byte {
	enc := anthropic.NewEncoder(anthropic.ResponseOptions{RequestID: "req_1"})
	var buf []byte
	var err error
	for _, ev := range events {
		if buf, err = enc.Append(buf, ev); err != nil {
			t.Fatalf("encoding an event: %v", err)
		}
	}
	if end != nil {
		return enc.AppendError(buf, model.AsError(end))
	}
	return enc.Finish(buf)
}
