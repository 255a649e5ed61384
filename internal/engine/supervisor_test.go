package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/engine"
	"github.com/craton-ai/craton/internal/model"
)

// fakeChild is a child process that ends when it is told to.
type fakeChild struct {
	done chan struct{}
	once sync.Once
}

func (f *fakeChild) end() { f.once.Do(func() { close(f.done) }) }

// harness counts launches and hands the children out.
type harness struct {
	launches atomic.Int32
	fail     atomic.Bool
	children chan *fakeChild
}

type hello struct{}

func (hello) Generate(context.Context, *model.Request) (model.Stream, error) {
	return model.Replay(&model.Response{Choices: []model.Choice{{Message: model.AssistantText("hi"), Stop: model.StopEnd}}}), nil
}

func newEngine(h *harness, idle time.Duration) *engine.Engine {
	h.children = make(chan *fakeChild, 16)
	return engine.New(engine.Options{
		Launch: func(context.Context) (*engine.Child, error) {
			h.launches.Add(1)
			if h.fail.Load() {
				return nil, errors.New("no library")
			}
			f := &fakeChild{done: make(chan struct{})}
			h.children <- f
			return &engine.Child{URL: "http://127.0.0.1:1", Done: f.done, Reason: func() error { return errors.New("it crashed") }, Stop: f.end}, nil
		},
		Dial:  func(string, string) (model.Provider, error) { return hello{}, nil },
		Cards: func() ([]model.Card, error) { return []model.Card{{ID: "m"}}, nil },
		Idle:  idle, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func ask(t *testing.T, e *engine.Engine) error {
	t.Helper()
	s, err := e.Generate(t.Context(), &model.Request{Model: "m"})
	if err != nil {
		return err
	}
	resp, err := model.Collect(s)
	if err == nil && resp.Choices[0].Message.Text() != "hi" {
		t.Errorf("the answer is %+v", resp)
	}
	return err
}

func TestEngineStartsOnceAndUnloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{}
		e := newEngine(h, time.Minute)
		defer e.Close()
		if running, _ := e.Running(); running {
			t.Error("the child runs before the first request")
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := ask(t, e); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := h.launches.Load(); n != 1 {
			t.Errorf("eight requests launched %d children", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if running, _ := e.Running(); running {
			t.Error("the idle child was not unloaded")
		}
		if err := ask(t, e); err != nil || h.launches.Load() != 2 {
			t.Errorf("after unloading: %v, %d launches", err, h.launches.Load())
		}
	})
}

func TestEngineStaysWhileBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{}
		e := newEngine(h, time.Minute)
		defer e.Close()
		s, err := e.Generate(t.Context(), &model.Request{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if running, _ := e.Running(); !running {
			t.Error("the child was unloaded under a stream")
		}
		if _, err := model.Collect(s); err != nil {
			t.Error(err)
		}
	})
}

func TestEngineRestartsWithGrowingPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{}
		h.fail.Store(true)
		e := newEngine(h, -1)
		defer e.Close()
		var down *model.Error
		if err := ask(t, e); !errors.As(err, &down) || down.Kind != model.NotReady {
			t.Fatalf("a child that does not start gives %v", err)
		}
		if err := ask(t, e); !errors.As(err, &down) || down.RetryAfter <= 0 || h.launches.Load() != 1 {
			t.Errorf("within the pause: %v after %d launches", err, h.launches.Load())
		}
		time.Sleep(time.Second)
		_ = ask(t, e)
		time.Sleep(time.Second)
		_ = ask(t, e)
		if n := h.launches.Load(); n != 2 {
			t.Errorf("%d launches in the second pause, which is longer; want 2", n)
		}
		h.fail.Store(false)
		time.Sleep(time.Minute)
		if err := ask(t, e); err != nil {
			t.Fatal(err)
		}
		(<-h.children).end() // a crash
		synctest.Wait()
		if running, reason := e.Running(); running || reason == nil {
			t.Error("the crash was not noticed")
		}
		time.Sleep(time.Minute)
		if err := ask(t, e); err != nil {
			t.Errorf("after the crash: %v", err)
		}
	})
}

// TestEngineCrashesUnderAnswers: an answer that a crash cuts off, or that its
// client closes, does not make the next pause short again.
func TestEngineCrashesUnderAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{}
		e := newEngine(h, -1)
		defer e.Close()
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			s, err := e.Generate(t.Context(), &model.Request{Model: "m"})
			if err != nil {
				t.Fatal(err)
			}
			(<-h.children).end()
			synctest.Wait()
			s.Close()
			var down *model.Error
			if err := ask(t, e); !errors.As(err, &down) || down.RetryAfter != pause {
				t.Fatalf("got %v, want a pause of %s", err, pause)
			}
			time.Sleep(pause)
		}
	})
}

func TestEngineCloses(t *testing.T) {
	t.Parallel()
	h := &harness{}
	e := newEngine(h, -1)
	s, err := e.Generate(t.Context(), &model.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-(<-h.children).done:
	default:
		t.Error("the child was not stopped")
	}
	if err := ask(t, e); err == nil {
		t.Error("a closed engine answers")
	}
	for {
		if _, err := s.Next(); errors.Is(err, io.EOF) {
			break
		}
	}
}

func TestEngineClosesWhileItStarts(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"cut short": false, "ready all the same": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				child := &fakeChild{done: make(chan struct{})}
				e := engine.New(engine.Options{
					Launch: func(ctx context.Context) (*engine.Child, error) {
						<-ctx.Done()
						if !late {
							return nil, ctx.Err()
						}
						return &engine.Child{Done: child.done, Stop: func() {
							time.Sleep(time.Second)
							child.end()
						}}, nil
					},
					Dial: func(string, string) (model.Provider, error) { return hello{}, nil },
					Now:  time.Now, Log: slog.New(slog.DiscardHandler),
				})
				asked := make(chan error)
				go func() { asked <- ask(t, e) }()
				synctest.Wait()
				begin := time.Now()
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("Close took %v", took)
				}
				if late {
					select {
					case <-child.done:
					default:
						t.Error("Close returned before the child ended")
					}
				}
				if err := <-asked; err == nil {
					t.Error("a closed engine answers")
				}
			})
		})
	}
}
