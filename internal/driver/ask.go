package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// ask is input that the session's owner appends itself, in one append with what
// follows from it. That saves folding the session for it, and an append.
type ask struct {
	in   Input
	done chan error // has room for the answer
	// unsure says that its key was not looked for: what is refused may have
	// come before, and is then answered as it was.
	unsure bool
	// verdict is the answer once the batch that it was found in is durable:
	// it may rest on what only that batch says.
	verdict error
}

// errElsewhere says that the owner could not take the input: it is submitted
// to the journal instead.
var errElsewhere = errors.New("driver: the owner did not take the input")

// ask hands input to the session's owner in this process. It reports false if
// there is none, or if the owner could not take it. With unsure, nobody has
// looked yet whether the input came before: the append finds out.
func (d *Driver) ask(ctx context.Context, in Input, unsure bool) (bool, error) {
	d.mu.Lock()
	a := d.actors[key{in.Tenant, in.Session}]
	if a == nil || d.draining {
		d.mu.Unlock()
		return false, nil
	}
	one := &ask{in: in, done: make(chan error, 1), unsure: unsure}
	a.change(func() { a.asks = append(a.asks, one) })
	d.mu.Unlock()
	select {
	case err := <-one.done:
		if errors.Is(err, errElsewhere) {
			return false, nil
		}
		return true, err
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// take folds the input that waits into the batch.
func (a *actor) take(b *batch) error {
	a.mu.Lock()
	asks := a.asks
	a.asks = nil
	a.mu.Unlock()
	b.asks = asks
	for i, one := range asks {
		if len(b.drafts) >= session.MaxEvents/2 {
			b.asks = asks[:i:i]
			a.change(func() { a.asks = append(asks[i:], a.asks...) }) // they come with the next batch
			return nil
		}
		var bodies []agent.Body
		if bodies, one.verdict = admit(a.state, one.in.Bodies, b.at); one.verdict != nil || len(bodies) == 0 && one.in.Key == "" {
			continue // a key is remembered also where there was nothing to do
		}
		inputs, err := a.d.inputs(bodies)
		if err != nil {
			one.verdict = err // it is the input's fault, not the session's
			continue
		}
		if one.in.Key != "" {
			s := session.Submission{Key: inputKey(one.in), Body: one.in.Body}
			if err := a.foldDraft(b, s.Memory(a.head, len(bodies))); err != nil {
				return err
			}
		}
		for _, input := range inputs {
			if err := a.apply(b, input.draft, a.event(b, input.read)); err != nil {
				return err
			}
		}
	}
	return nil
}

// recorded is a body as the journal takes it, and as it is read there.
type recorded struct {
	draft session.Draft
	read  agent.Body
}

// inputs writes down what a client sends.
func (d *Driver) inputs(bodies []agent.Body) ([]recorded, error) {
	inputs := make([]recorded, len(bodies))
	for i, body := range bodies {
		draft, read, err := d.codec.Record(body)
		if err == nil {
			err = fits(draft)
		}
		if err != nil {
			return nil, err
		}
		inputs[i] = recorded{draft, read}
	}
	return inputs, nil
}

func inputKey(in Input) string { return prefixed("input/"+in.Session+"/", in.Key) }

// answer tells those who asked what became of it: their own answer if the
// batch is durable, else why it is not, or that it certainly is not.
func (b *batch) answer(err error) {
	for _, one := range b.asks {
		switch {
		case err == nil && one.unsure && one.verdict != nil:
			one.done <- errElsewhere
		case err == nil:
			one.done <- one.verdict
		case isFinal(err):
			one.done <- errElsewhere
		default:
			one.done <- err
		}
	}
	b.asks = nil
}

// refuse sends away those who came too late.
func (a *actor) refuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.asks {
		one.done <- errElsewhere
	}
	a.asks = nil
}

// fold adds a body to the batch and to the state.
func (a *actor) fold(b *batch, body agent.Body) error {
	draft, err := a.d.codec.Draft(body)
	if err == nil && len(draft.Payload) > session.MaxPayload {
		if less := tooLarge(body, len(draft.Payload)); less != nil {
			draft, err = a.d.codec.Draft(less)
		}
	}
	if err != nil {
		return err
	}
	return a.foldDraft(b, draft)
}

// tooLarge is what becomes of an outcome that no journal takes: its work has
// failed, and the session goes on. It is nil for what has no outcome.
func tooLarge(body agent.Body, size int) agent.Body {
	words := fmt.Sprintf("It came to %d bytes, and no more than %d are kept.", size, session.MaxPayload)
	text := []model.Part{&model.Text{Text: words}}
	switch b := body.(type) {
	case *agent.ToolReturned:
		return &agent.ToolReturned{Intent: b.Intent, Call: b.Call, Failed: true, Took: b.Took, Content: text}
	case *agent.CallSettled:
		return &agent.CallSettled{Call: b.Call, Failed: true, Content: text}
	case *agent.ToolsListed:
		return &agent.ToolsListed{Call: b.Call, Server: b.Server, Digest: b.Digest, Error: "The list of tools is too large. " + words}
	case *agent.ModelAnswered:
		return &agent.ModelFailed{Call: b.Call, Thread: b.Thread, Turn: b.Turn, Base: b.Base, Code: "server_error",
			Message: "The model's answer is too large. " + words, Usage: b.Usage, Cost: b.Cost}
	case *agent.ModelFailed:
		less := *b
		less.Partial = nil
		return &less
	case *agent.ModelInterrupted:
		less := *b
		less.Partial = nil
		return &less
	case *agent.Compacted:
		less := *b
		less.Summary, less.Error = nil, "The summary is too large. "+words
		return &less
	}
	return nil
}
