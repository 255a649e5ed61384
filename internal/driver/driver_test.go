package driver_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/tool"
)

// world is a store with what drives it.
type world struct {
	t       testing.TB
	store   *mem.Store
	journal *session.Journal
	models  driver.Models
	tools   tool.Opener
	rules   agent.Rules
	n       int
	// linger is how long sessions are kept; 0 means a moment.
	linger time.Duration
	// outline is in how many events an outline is kept; 0 means the default.
	outline uint64
	// alone says that no other process appends, deaf that no hints come.
	alone, deaf bool
	// journals and buffer are the store's, or around them.
	journals  session.Store
	buffer    session.Buffer
	snapshots session.Snapshots
	leases    session.Leaser
	index     session.Index
}

func newWorld(t testing.TB, models driver.Models) *world {
	t.Helper()
	store := mem.New()
	w := &world{t: t, store: store, models: models, journals: store, buffer: store, snapshots: store, leases: store, index: store}
	w.writes(store)
	return w
}

// writes lets the world's journal write into a store.
func (w *world) writes(store session.Store) {
	w.t.Helper()
	var err error
	if w.journal, err = session.New(session.Config{Store: store, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }}); err != nil {
		w.t.Fatal(err)
	}
}

// node is a driver that runs until the test ends or stop is called.
func (w *world) node() (*driver.Driver, func()) {
	w.t.Helper()
	w.n++
	hints := w.leases.(session.Hinter)
	if w.deaf {
		hints = nil
	}
	d, err := driver.New(driver.Config{
		Store:   driver.Store{Alone: w.alone, Journals: w.journals, Leases: w.leases, Snapshots: w.snapshots, Buffer: w.buffer, Index: w.index, Hints: hints},
		Journal: w.journal, Models: w.models, Tools: w.tools, Rules: w.rules, Node: fmt.Sprintf("node-%d", w.n),
		Now: time.Now, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), TTL: 2 * time.Second, Poll: 20 * time.Millisecond,
		Linger: cmp.Or(w.linger, 50*time.Millisecond), Outline: w.outline,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); <-done }) }
	w.t.Cleanup(stop)
	return d, stop
}

// echo answers with the text of the last message, a word at a time.
type echo struct{}

func (echo) Ask(_ context.Context, _ driver.Asker, req *model.Request) (*driver.Answer, error) {
	last := req.Messages[len(req.Messages)-1]
	text := last.Text()
	for _, part := range last.Parts {
		if r, ok := part.(*model.ToolResult); ok {
			text = "result " + model.Message{Parts: r.Content}.Text()
		}
	}
	if name, ok := strings.CutPrefix(text, "call "); ok {
		return answer(model.Message{Role: model.RoleAssistant, Parts: []model.Part{&model.ToolCall{ID: "c1", Name: name, Arguments: "{}"}}}), nil
	}
	return answer(model.AssistantText("you said: " + text)), nil
}

func answer(m model.Message) *driver.Answer {
	return &driver.Answer{Stream: model.Replay(&model.Response{Model: "echo", Choices: []model.Choice{{Message: m, Stop: model.StopEnd}},
		Usage: model.Usage{Input: 3, Output: 4}}), Model: "echo", Window: 1000}
}

func create(t testing.TB, s *driver.Sessions, d agent.Definition, text string) *driver.View {
	t.Helper()
	d.ID, d.Model = "agent_1", "echo"
	v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: d, Mode: agent.Parking},
		Input: []model.Message{model.UserText(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// until reads what is told until a status, and returns it.
func until(t *testing.T, tail *driver.Tail, status agent.Status) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var told []string
	for {
		next, err := tail.Next(ctx)
		if err != nil {
			t.Fatalf("%v after %v", err, told)
		}
		told = append(told, next.ID+" "+string(next.Kind)+" "+next.Text)
		if next.Kind == agent.SignalStatus && next.State.Status() == status {
			return told
		}
	}
}

func TestTurnAndResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, _ := w.node()
	s := d.Sessions()
	v := create(t, s, agent.Definition{}, "hello there")
	tail, err := s.Tail(t.Context(), "t1", v.State.Session, driver.FromStart)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	all := until(t, tail, agent.Idle)
	for i := range all {
		id, _, _ := strings.Cut(all[i], " ")
		again, err := s.Tail(t.Context(), "t1", v.State.Session, id)
		if err != nil {
			t.Fatal(err)
		}
		if i < len(all)-1 {
			rest := until(t, again, agent.Idle)
			if got, want := strings.Join(rest, "\n"), strings.Join(all[i+1:], "\n"); got != want {
				t.Errorf("resumed after %s:\n%s\nwant\n%s", id, got, want)
			}
		}
		again.Close()
	}
	if n, err := s.Replay(t.Context(), "t1", v.State.Session); err != nil || n == 0 {
		t.Fatalf("replay of %d events: %v", n, err)
	}
}

func TestFunctionResultAndForeignTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo{})
	d, _ := w.node()
	s := d.Sessions()
	v := create(t, s, agent.Definition{Tools: []agent.Tool{{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}}}, "call look")
	id := v.State.Session
	tail, err := s.Tail(t.Context(), "t1", id, driver.FromStart)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	until(t, tail, agent.RequiresAction)
	v, err = s.Get(t.Context(), "t1", id)
	if err != nil {
		t.Fatal(err)
	}
	turn := v.Root().Turn.ID
	result := func(call, text string) error {
		return s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id,
			Bodies: []agent.Body{&agent.Result{Turn: turn, Call: call, Success: true, Output: []model.Part{&model.Text{Text: text}}}}})
	}
	if err := result("nope", "x"); err == nil || model.AsError(err).Message != driver.UnknownCall+"nope" {
		t.Fatalf("an unknown call answers %v", err)
	}
	if err := result("c1", "seen"); err != nil {
		t.Fatal(err)
	}
	until(t, tail, agent.Idle)
	if err := result("c1", "seen"); err != nil {
		t.Fatalf("the same result again answers %v", err)
	}
	if err := result("c1", "other"); err == nil || model.AsError(err).Kind != model.Conflict {
		t.Fatalf("another result answers %v", err)
	}
	if _, err := s.Get(t.Context(), "t2", id); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("a foreign tenant is answered %v", err)
	}
}

func TestDrainHandsOver(t *testing.T) {
	t.Parallel()
	models := &slow{begun: make(chan struct{}, 8)}
	w := newWorld(t, models)
	d, stop := w.node()
	v := create(t, d.Sessions(), agent.Definition{}, "hello")
	<-models.begun
	models.answer.Store(true)
	stop()
	d2, _ := w.node()
	tail, err := d2.Sessions().Tail(t.Context(), "t1", v.State.Session, driver.FromStart)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	until(t, tail, agent.Idle)
}
