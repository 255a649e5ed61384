package edgetest

import (
	"context"
	"errors"
	"sync"

	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
)

// Internals is text that upstreams of this package put where only operators
// look; no answer may hold it.
const Internals = "dial tcp 10.1.2.3:9 with sk-upstream-secret"

// Stub is a provider made of a function. It lists the models M and whatever
// Cards hold.
type Stub struct {
	Answer func(ctx context.Context, req *model.Request) (model.Stream, error)
	Cards  []model.Card
}

// Generate calls Answer.
func (s *Stub) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	return s.Answer(ctx, req)
}

// Models lists the cards.
func (s *Stub) Models(context.Context) ([]model.Card, error) { return s.Cards, nil }

// Upstream makes an upstream of a stub that serves one chat model of any ability.
func Upstream(name, id string, answer func(ctx context.Context, req *model.Request) (model.Stream, error)) gateway.Upstream {
	card := model.Card{ID: id, Capabilities: []model.Capability{model.CanChat, model.CanStream, model.CanTools, model.CanSchema}}
	return gateway.Upstream{Name: name, Provider: &Stub{answer, []model.Card{card}}}
}

// Failing makes an upstream whose every call fails with an error of a kind.
func Failing(name string, kind model.Kind) gateway.Upstream {
	return Upstream(name, "m", func(context.Context, *model.Request) (model.Stream, error) {
		return nil, &model.Error{Kind: kind, Op: "upstream", Err: errors.New(Internals)}
	})
}

// Breaking makes an upstream that says "one two " and then fails with an error of a kind.
func Breaking(name string, kind model.Kind) gateway.Upstream {
	return Upstream(name, "m", func(context.Context, *model.Request) (model.Stream, error) {
		return &scripted{events: opening("one ", "two "), err: &model.Error{Kind: kind, Op: "upstream", Err: errors.New(Internals)}}, nil
	})
}

// Endless makes an upstream that says "one two " and then nothing until its
// call is cancelled, which it tells on the channel.
func Endless(name string) (gateway.Upstream, <-chan struct{}) {
	left := make(chan struct{})
	return Upstream(name, "m", func(ctx context.Context, _ *model.Request) (model.Stream, error) {
		return &scripted{events: opening("one ", "two "), wait: ctx, left: left}, nil
	}), left
}

// opening is the start of an answer of some words.
func opening(words ...string) []model.Event {
	events := []model.Event{{Kind: model.EventStart, ID: "up-1", Model: "m"}, {Kind: model.EventPartStart, Part: &model.Text{}}}
	for _, w := range words {
		events = append(events, model.Event{Kind: model.EventDelta, Text: w})
	}
	return events
}

// scripted yields events and then fails, or waits for its call to be cancelled.
type scripted struct {
	events []model.Event
	err    error
	wait   context.Context
	left   chan struct{}
	once   sync.Once
}

func (s *scripted) Next() (model.Event, error) {
	if len(s.events) > 0 {
		ev := s.events[0]
		s.events = s.events[1:]
		return ev, nil
	}
	if s.wait == nil {
		return model.Event{}, s.err
	}
	<-s.wait.Done()
	s.once.Do(func() { close(s.left) })
	return model.Event{}, s.wait.Err()
}

func (s *scripted) Close() error { return nil }
