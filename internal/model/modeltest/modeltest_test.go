package modeltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider/script"
)

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed []string
}

func (r *recorder) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, s)
}

func (r *recorder) Errorf(f string, a ...any) { r.note(fmt.Sprintf(f, a...)) }
func (r *recorder) Error(a ...any)            { r.note(fmt.Sprint(a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Fatal(a ...any)            { r.Error(a...); runtime.Goexit() }
func (r *recorder) Skip(...any)               { runtime.Goexit() }
func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failed) > 0
}

// verdict runs one check over a provider and returns what it complains about.
func verdict(t *testing.T, name string, p model.Provider) []string {
	t.Helper()
	profile := Profile{
		Model: script.ChatModel, EmbedModel: script.EmbedModel, Scripted: true,
		Capabilities: script.Cards()[0].Capabilities, Prompts: scriptedPrompts,
	}
	for _, c := range checks() {
		if c.name != name {
			continue
		}
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(r, &subject{Profile: &profile, p: p, check: name})
		}()
		<-done
		return r.failed
	}
	t.Fatalf("there is no check %q", name)
	return nil
}

func scripted(t *testing.T) *script.Model {
	t.Helper()
	m, err := script.New(script.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// drop removes the events the predicate names.
func drop(f func(model.Event) bool) func(int, model.Event, error) (model.Event, error) {
	return func(_ int, ev model.Event, err error) (model.Event, error) {
		if err == nil && f(ev) {
			return model.Event{Kind: model.EventPing}, nil
		}
		return ev, err
	}
}

// alter changes events.
func alter(f func(*model.Event)) func(int, model.Event, error) (model.Event, error) {
	return func(_ int, ev model.Event, err error) (model.Event, error) {
		f(&ev)
		return ev, err
	}
}

func ofKind(k model.EventKind) func(model.Event) bool {
	return func(ev model.Event) bool { return ev.Kind == k }
}

// TestSuiteCatches breaks a good provider in one way and wants the check that
// is there for it to say so.
func TestSuiteCatches(t *testing.T) {
	t.Parallel()
	rewrite := func(f func(*model.Request)) func(context.Context, *model.Request) error {
		return func(_ context.Context, req *model.Request) error { f(req); return nil }
	}
	for _, c := range []struct {
		check, fault string
		with         Faulty
	}{
		{"text", "no start", Faulty{OnNext: drop(ofKind(model.EventStart))}},
		{"text", "part not closed", Faulty{OnNext: drop(ofKind(model.EventPartStop))}},
		{"text", "no stop", Faulty{OnNext: drop(ofKind(model.EventStop))}},
		{"text", "no usage", Faulty{OnNext: drop(ofKind(model.EventUsage))}},
		{"text", "lost text", Faulty{OnNext: drop(func(ev model.Event) bool { return ev.Text == "hello" })}},
		{"text", "wrong stop", Faulty{OnNext: alter(func(ev *model.Event) {
			if ev.Kind == model.EventStop {
				ev.Stop = model.StopRefusal
			}
		})}},
		{"unstreamed", "broken stream", Faulty{OnNext: func(n int, ev model.Event, err error) (model.Event, error) {
			if n == 3 {
				return ev, io.ErrUnexpectedEOF
			}
			return ev, err
		}}},
		{"unicode", "escaped HTML", Faulty{OnNext: alter(func(ev *model.Event) {
			ev.Text = strings.ReplaceAll(ev.Text, "<b>", `\u003cb\u003e`)
		})}},
		{"tool_call", "no id", Faulty{OnNext: alter(func(ev *model.Event) {
			if call, ok := ev.Part.(*model.ToolCall); ok {
				ev.Part = &model.ToolCall{Name: call.Name}
			}
		})}},
		{"max_tokens", "limit lost", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.MaxTokens = nil })}},
		{"stop_sequence", "stops lost", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.Stop = nil })}},
		{"serial_tools", "switch lost", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.ParallelTools = nil })}},
		{"tool_choice_forced", "choice lost", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.ToolChoice = model.ToolChoice{} })}},
		{"structured_output", "form lost", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.Format = nil })}},
		{"images", "image lost", Faulty{OnGenerate: rewrite(func(r *model.Request) {
			r.Messages[0].Parts = r.Messages[0].Parts[:1]
		})}},
		{"reasoning_round_trip", "thinking changed", Faulty{OnGenerate: rewrite(func(r *model.Request) {
			for _, m := range r.Messages {
				for i, p := range m.Parts {
					if th, ok := p.(*model.Reasoning); ok {
						m.Parts[i] = &model.Reasoning{Text: "other", Signature: th.Signature}
					}
				}
			}
		})}},
		{"usage", "negative", Faulty{OnNext: alter(func(ev *model.Event) {
			if ev.Usage != nil {
				ev.Usage = &model.Usage{Input: 2, Output: 1, CacheRead: -1}
			}
		})}},
		{"request_unmodified", "request modified", Faulty{OnGenerate: rewrite(func(r *model.Request) { r.User = "me" })}},
		{"error_before_first_byte", "bare error", Faulty{OnGenerate: func(context.Context, *model.Request) error { return errors.New("no") }}},
		{"error_mid_stream", "error swallowed", Faulty{OnNext: func(_ int, ev model.Event, err error) (model.Event, error) {
			if err != nil {
				err = io.EOF
			}
			return ev, err
		}}},
		{"close_mid_stream", "Close fails", Faulty{OnClose: func(error) error { return errors.New("no") }}},
		{"concurrency", "answers mixed", Faulty{OnNext: alter(func(ev *model.Event) {
			ev.Text = strings.ReplaceAll(ev.Text, "3", "4")
		})}},
	} {
		t.Run(c.check+"/"+c.fault, func(t *testing.T) {
			t.Parallel()
			faulty := c.with
			faulty.Provider = scripted(t)
			if len(verdict(t, c.check, &faulty)) == 0 {
				t.Errorf("the check %s did not notice: %s", c.check, c.fault)
			}
			if complaints := verdict(t, c.check, &Faulty{Provider: scripted(t)}); len(complaints) > 0 {
				t.Errorf("the check %s complains without a fault: %q", c.check, complaints)
			}
		})
	}
}

// deaf ignores the end of its context and its own Close.
type deaf struct{ model.Provider }

func (d deaf) Generate(_ context.Context, req *model.Request) (model.Stream, error) {
	return d.Provider.Generate(context.Background(), req)
}

func TestSuiteCatchesDeafness(t *testing.T) {
	t.Parallel()
	quick, err := script.New(script.Config{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"canceled_before", "cancel_mid_stream"} {
		if len(verdict(t, name, deaf{quick})) == 0 {
			t.Errorf("the check %s did not notice that the context is ignored", name)
		}
	}
}

func TestLabelledFindsGoroutines(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	pprof.Do(t.Context(), pprof.Labels("modeltest", t.Name()), func(context.Context) {
		go func() { <-hold }()
	})
	eventually(t, "a goroutine that outlives the call is found", func() bool { return labelled(t.Name()) != "" })
	close(hold)
	eventually(t, "a goroutine that ended is found no more", func() bool { return labelled(t.Name()) == "" })
}

func TestCheckOrder(t *testing.T) {
	t.Parallel()
	start := model.Event{Kind: model.EventStart}
	open := func(i int, p model.Part) model.Event {
		return model.Event{Kind: model.EventPartStart, Index: i, Part: p}
	}
	delta := func(i int) model.Event { return model.Event{Kind: model.EventDelta, Index: i, Text: "x"} }
	shut := func(i int) model.Event { return model.Event{Kind: model.EventPartStop, Index: i} }
	stop := model.Event{Kind: model.EventStop, Stop: model.StopEnd}
	usage := model.Event{Kind: model.EventUsage, Usage: &model.Usage{}}
	ping := model.Event{Kind: model.EventPing}
	text, call, image := &model.Text{}, &model.ToolCall{}, &model.Image{}
	type events = []model.Event
	for name, ok := range map[string]events{
		"text":              {start, open(0, text), delta(0), shut(0), stop, usage},
		"empty":             {start, stop, usage},
		"pings":             {start, ping, open(0, text), ping, shut(0), stop, ping, usage, ping},
		"calls interleaved": {start, open(0, call), open(1, call), delta(0), delta(1), shut(1), shut(0), stop, usage},
		"usage early too":   {start, usage, stop, usage},
	} {
		if err := CheckOrder(ok); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]events{
		"nothing":               {},
		"ping first":            {ping, start, stop, usage},
		"two starts":            {start, start, stop, usage},
		"no stop":               {start, usage},
		"no usage":              {start, stop},
		"usage before stop":     {start, usage, stop},
		"usage empty":           {start, stop, {Kind: model.EventUsage}},
		"part left open":        {start, open(0, text), usage},
		"part open at stop":     {start, open(0, text), stop, shut(0), usage},
		"part after stop":       {start, stop, open(0, text), shut(0), usage},
		"texts interleaved":     {start, open(0, text), open(1, text), shut(0), shut(1), stop, usage},
		"call and text":         {start, open(0, call), open(1, text), shut(0), shut(1), stop, usage},
		"index reused":          {start, open(0, text), shut(0), open(0, text), shut(0), stop, usage},
		"index falls":           {start, open(1, text), shut(1), open(0, text), shut(0), stop, usage},
		"delta unopened":        {start, delta(0), stop, usage},
		"delta after part stop": {start, open(0, text), shut(0), delta(0), stop, usage},
		"delta of an image":     {start, open(0, image), delta(0), shut(0), stop, usage},
		"data in a text":        {start, open(0, text), {Kind: model.EventDelta, Data: []byte{1}}, shut(0), stop, usage},
		"stop unopened":         {start, shut(0), stop, usage},
		"no reason":             {start, {Kind: model.EventStop}, usage},
		"two stops":             {start, stop, stop, usage},
		"unknown kind":          {start, stop, usage, {Kind: 99}},
		"choice never ended":    {start, {Kind: model.EventPartStart, Choice: 1, Part: text}, {Kind: model.EventPartStop, Choice: 1}, stop, usage},
	} {
		if CheckOrder(bad) == nil {
			t.Errorf("%s: the disorder went unnoticed", name)
		}
	}
}

func TestFaultyForwardsOptionalBehaviour(t *testing.T) {
	t.Parallel()
	if _, ok := model.As[model.Embedder](&Faulty{Provider: scripted(t)}); !ok {
		t.Error("a Faulty must unwrap to what it wraps")
	}
}
