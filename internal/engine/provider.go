package engine

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/craton-ai/craton/internal/model"
)

// Generate answers with the child, starting it if need be.
func (e *Engine) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	p, child, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.Generate(ctx, req)
	if err != nil {
		e.release(child, answered(err))
		return nil, err
	}
	return &held{Stream: s, engine: e, child: child}, nil
}

// Embed makes embeddings with the child.
func (e *Engine) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	return with(ctx, e, func(p model.Embedder) (*model.EmbedResponse, error) { return p.Embed(ctx, req) })
}

// CountTokens counts with the child's tokenizer.
func (e *Engine) CountTokens(ctx context.Context, req *model.Request) (int64, error) {
	return with(ctx, e, func(p model.TokenCounter) (int64, error) { return p.CountTokens(ctx, req) })
}

// Models lists what the engine can serve, without starting it.
func (e *Engine) Models(context.Context) ([]model.Card, error) { return e.opts.Cards() }

// with runs one whole call on the child.
func with[P, R any](ctx context.Context, e *Engine, call func(P) (R, error)) (R, error) {
	var zero R
	p, child, err := e.acquire(ctx)
	if err != nil {
		return zero, err
	}
	able, ok := model.As[P](p)
	if !ok {
		e.release(child, true)
		return zero, model.Errorf(model.Unsupported, "model", "The engine's command cannot do this.").
			WithHint("Use the built-in engine, or another upstream.")
	}
	r, err := call(able)
	e.release(child, answered(err))
	return r, err
}

// answered reports whether the child gave an answer, be it a refusal.
func answered(err error) bool {
	var e *model.Error
	return err == nil || errors.As(err, &e) && e.UpstreamStatus != 0
}

// held keeps the child busy until the stream ends.
type held struct {
	model.Stream
	engine *Engine
	child  *Child
	// stopped says that the answer came to its end, though more may follow.
	stopped bool
	once    sync.Once
}

func (h *held) Next() (model.Event, error) {
	ev, err := h.Stream.Next()
	h.stopped = h.stopped || err == nil && ev.Kind == model.EventStop
	if err != nil {
		h.once.Do(func() { h.engine.release(h.child, errors.Is(err, io.EOF)) })
	}
	return ev, err
}

func (h *held) Close() error {
	err := h.Stream.Close()
	h.once.Do(func() { h.engine.release(h.child, h.stopped) })
	return err
}
