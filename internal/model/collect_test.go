package model_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"pgregory.net/rapid"
)

// anyPart draws one part an answer may hold, in the form Collect returns it.
func anyPart(t *rapid.T) model.Part {
	text := rapid.String().Draw(t, "text")
	data := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data")
	switch rapid.IntRange(0, 6).Draw(t, "part") {
	case 0:
		return &model.Text{Text: text}
	case 1:
		return &model.Refusal{Text: text}
	case 2:
		return &model.Reasoning{ID: "r", Text: text, Signature: rapid.String().Draw(t, "signature"), Summary: true}
	case 3:
		return &model.Reasoning{Redacted: data}
	case 4:
		return &model.ToolCall{ID: "c", Name: "n", Arguments: text}
	case 5:
		return &model.Audio{ID: "a", Transcript: text, Source: model.Source{MIME: "audio/wav", Data: data}}
	}
	return &model.Image{Source: model.Source{MIME: "image/png", Data: data}}
}

func anyResponse(t *rapid.T) *model.Response {
	r := &model.Response{ID: "id", Model: "m", Created: 7, Usage: model.Usage{Input: 3, Output: 4}}
	for range rapid.IntRange(1, 3).Draw(t, "choices") {
		ch := model.Choice{Stop: model.StopEnd, Message: model.Message{Role: model.RoleAssistant}}
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			ch.Message.Parts = append(ch.Message.Parts, anyPart(t))
		}
		r.Choices = append(r.Choices, ch)
	}
	return r
}

func TestCollectReplayIsIdentity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyResponse(t)
		got, err := model.Collect(model.Replay(want))
		if err != nil {
			t.Fatalf("Collect(Replay(r)): %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("Collect(Replay(r)) differs:\n got %#v\nwant %#v", got, want)
		}
	})
}

// splitDeltas cuts every text delta into pieces of at most n bytes.
func splitDeltas(events []model.Event, n int) []model.Event {
	var out []model.Event
	for _, ev := range events {
		for ev.Kind == model.EventDelta && len(ev.Text) > n {
			head := model.Event{Kind: ev.Kind, Choice: ev.Choice, Index: ev.Index, Text: ev.Text[:n]}
			ev.Text = ev.Text[n:]
			out = append(out, head)
		}
		out = append(out, ev)
	}
	return out
}

func TestCollectDoesNotDependOnSplits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := anyResponse(t)
		n := rapid.IntRange(1, 5).Draw(t, "split")
		got, err := model.Collect(model.Events(splitDeltas(model.ExplodeResponse(r), n)...))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("split every %d bytes: err %v\n got %#v\nwant %#v", n, err, got, r)
		}
	})
}

func TestCollectorLeavesEventsAlone(t *testing.T) {
	t.Parallel()
	part := &model.Text{Text: "a"}
	var c model.Collector
	for _, ev := range []model.Event{
		{Kind: model.EventPartStart, Part: part},
		{Kind: model.EventDelta, Text: "b", Citation: &model.Citation{Title: "t"}},
	} {
		if err := c.Add(ev); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Response().Choices[0].Message.Text(); got != "ab" {
		t.Errorf("an unfinished part must be in the response: got %q, want %q", got, "ab")
	}
	if part.Text != "a" || part.Citations != nil {
		t.Errorf("the stream's own part was modified: %#v", part)
	}
}

func TestCollectorRefusesDisorder(t *testing.T) {
	t.Parallel()
	start := model.Event{Kind: model.EventPartStart, Part: &model.Text{}}
	delta := model.Event{Kind: model.EventDelta, Text: "x"}
	stop := model.Event{Kind: model.EventPartStop}
	for name, events := range map[string][]model.Event{
		"delta first":      {delta},
		"opened twice":     {start, start},
		"reopened":         {start, stop, start},
		"delta after stop": {start, stop, delta},
		"no part":          {{Kind: model.EventPartStart}},
		"negative choice":  {{Kind: model.EventPartStart, Choice: -1, Part: &model.Text{}}},
		"huge choice":      {{Kind: model.EventStop, Choice: 1 << 30}},
		"negative stop":    {{Kind: model.EventStop, Choice: -1}},
		"image extended":   {{Kind: model.EventPartStart, Part: &model.Image{}}, delta},
	} {
		_, err := model.Collect(model.Events(events...))
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != model.UpstreamGarbage {
			t.Errorf("%s: got %v, want an error of kind %q", name, err, model.UpstreamGarbage)
		}
	}
}

func TestCollectKeepsWhatCameBeforeAnError(t *testing.T) {
	t.Parallel()
	broken := model.Errorf(model.UpstreamDown, "", "The upstream closed the connection.")
	r, err := model.Collect(&failing{Stream: model.Events(
		model.Event{Kind: model.EventPartStart, Part: &model.Text{}},
		model.Event{Kind: model.EventDelta, Text: "half"},
	), err: broken})
	if !errors.Is(err, broken) || r.Choices[0].Message.Text() != "half" {
		t.Errorf("got %v and %#v, want the stream's error and the half answer", err, r)
	}
}

// failing replaces a stream's end with an error.
type failing struct {
	model.Stream
	err error
}

func (f *failing) Next() (model.Event, error) {
	ev, err := f.Stream.Next()
	if err != nil {
		err = f.err
	}
	return ev, err
}

// TestCollectorIsLinear bounds allocation instead of time: quadratic growth
// would allocate n²/2 bytes, 200 MB here.
func TestCollectorIsLinear(t *testing.T) {
	const n = 20_000
	word := strings.Repeat("x", 1)
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c model.Collector
			_ = c.Add(model.Event{Kind: model.EventPartStart, Part: &model.Text{}})
			for range n {
				_ = c.Add(model.Event{Kind: model.EventDelta, Text: word})
			}
			if got := len(c.Response().Choices[0].Message.Text()); got != n {
				b.Fatalf("got %d bytes, want %d", got, n)
			}
		}
	}).AllocedBytesPerOp()
	if bytes > 20*n {
		t.Errorf("collecting %d bytes allocated %d bytes; it must stay linear (at most %d)", n, bytes, 20*n)
	}
}

func BenchmarkCollect(b *testing.B) {
	events := []model.Event{{Kind: model.EventPartStart, Part: &model.Text{}}}
	for range 1000 {
		events = append(events, model.Event{Kind: model.EventDelta, Text: " word"})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := model.Collect(model.Events(events...)); err != nil {
			b.Fatal(err)
		}
	}
}
