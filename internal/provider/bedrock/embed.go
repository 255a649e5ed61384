package bedrock

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/wire/bedrock/invoke"
)

// embedsAtOnce bounds how many calls of one Embed are under way: some families
// take one text a call.
const embedsAtOnce = 8

// Embed calls InvokeModel with the native body of the model's family, as often
// as the family's bound on texts per call needs. The first failure ends it.
func (p *Provider) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	const op = "provider/bedrock.Embed"
	family := invoke.FamilyOf(req.Model, nil)
	bodies, losses, err := invoke.EncodeEmbedRequest(family, req)
	if err != nil {
		return nil, err
	}
	if err := provider.Refuse(op, losses); err != nil {
		return nil, err
	}
	answers := make([]*model.EmbedResponse, len(bodies))
	err = inParallel(ctx, len(bodies), func(ctx context.Context, i int) (err error) {
		answers[i], err = p.embed(ctx, p.call(op, req.Model, "/invoke", bodies[i], nil), family)
		return err
	})
	if err != nil {
		return nil, err
	}
	whole := &model.EmbedResponse{Model: req.Model, Losses: losses}
	for _, a := range answers {
		whole.Vectors = append(whole.Vectors, a.Vectors...)
		whole.Usage.Input += a.Usage.Input
		whole.Usage.Estimated = whole.Usage.Estimated || a.Usage.Estimated
		whole.Usage.Absent = whole.Usage.Absent || a.Usage.Absent
	}
	if want := len(req.Input) + len(req.Images); len(whole.Vectors) != want {
		return nil, &model.Error{Kind: model.UpstreamGarbage, Op: op, Message: "The upstream made another number of vectors than asked for."}
	}
	return whole, nil
}

func (p *Provider) embed(ctx context.Context, call provider.Call, family invoke.Family) (*model.EmbedResponse, error) {
	resp, err := p.client.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return invoke.DecodeEmbedResponse(family, resp.Header, body)
}

// inParallel runs f for 0..n-1, a few at a time, and returns the first error
// after all have ended; the others are cancelled by it.
func inParallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, embedsAtOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := attempt(ctx, i, f); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	wg.Wait()
	return first
}

// attempt runs f. One that breaks down fails its own request: in a goroutine of
// its own it would end the process.
func attempt(ctx context.Context, i int, f func(ctx context.Context, i int) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = model.Wrap(model.Internal, "provider/bedrock.Embed", fmt.Errorf("a call broke down: %v\n%s", p, debug.Stack()))
		}
	}()
	return f(ctx, i)
}
