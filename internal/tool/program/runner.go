package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Call makes a program's n-th call, counted from 0. Calls are made
// concurrently; the same n with the same name and arguments may be asked for
// again after a crash. A call that failed is a result with Error set, which the
// program sees as an exception; an error ends the program.
type Call = func(ctx context.Context, n int, name, arguments string) (tool.Result, error)

// Limits bounds a program. Zero means the default of each.
type Limits struct {
	// Memory is in bytes; default 256 MiB.
	Memory int64
	// Compute bounds how long it computes between two calls; default 10s. All of
	// its computing may take six times that.
	Compute time.Duration
}

// The defaults of [Limits].
const (
	DefaultMemory  = 256 << 20
	DefaultCompute = 10 * time.Second
)

func (l Limits) withDefaults() Limits {
	if l.Memory <= 0 {
		l.Memory = DefaultMemory
	}
	if l.Compute <= 0 {
		l.Compute = DefaultCompute
	}
	return l
}

// Runner runs programs in child processes. It is safe for concurrent use; its
// fields are not changed once it is used.
type Runner struct {
	// Path and Args are the command whose main is [Main].
	Path   string
	Args   []string
	Limits Limits
}

// Run runs a program, the body of an asynchronous function, and waits for its
// end. What it logged and returned is the result; one that failed, or passed a
// limit, is a result with Error set. Errors are *model.Error: the context
// ended, call failed, or no process could be started.
func (r *Runner) Run(ctx context.Context, code string, call Call) (tool.Result, error) {
	if len(code) > maxCode {
		return failed("", fmt.Sprintf("The program is longer than %d bytes.", maxCode)), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, r.Path, r.Args...)
	cmd.Env = []string{"TZ=UTC", "GOMAXPROCS=2"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return tool.Result{}, model.Wrap(model.Internal, "program.Run", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return tool.Result{}, model.Wrap(model.Internal, "program.Run", err)
	}
	if err := cmd.Start(); err != nil {
		return tool.Result{}, model.Wrap(model.Internal, "program.Run", err)
	}
	p := &running{lines: newLines(stdout, stdin), call: call, fail: cancel, slots: make(chan struct{}, maxParallel)}
	limits := r.Limits.withDefaults()
	result, err := p.follow(ctx, order{Code: code, Memory: limits.Memory, Compute: int64(limits.Compute)})
	_ = stdin.Close()
	cancel(nil)
	p.calls.Wait()
	_ = cmd.Wait() // the process was killed, or ended as it pleased: its last line says what it came to
	return result, err
}

// running is a program as its parent sees it.
type running struct {
	*lines
	call  Call
	fail  context.CancelCauseFunc
	calls sync.WaitGroup
	slots chan struct{}
	// next is the number of the next call.
	next int
	log  strings.Builder
}

// follow gives the child its program and serves it to its end.
func (p *running) follow(ctx context.Context, first order) (tool.Result, error) {
	if err := p.write(first); err != nil {
		return tool.Result{}, p.broken(ctx, err)
	}
	for {
		var m message
		if err := p.read(&m); err != nil {
			if ctx.Err() != nil || errors.Is(err, errLine) {
				return tool.Result{}, p.broken(ctx, err)
			}
			return failed(p.log.String(), "The program was ended: it took too much memory or time."), nil
		}
		switch {
		case m.Unsafe != "":
			return tool.Result{}, &model.Error{Kind: model.Unsupported, Op: "program.Run", Subject: "tools",
				Message: "This server cannot run programs safely.", Err: errors.New(m.Unsafe)}
		case m.Call != nil:
			if err := p.ask(ctx, *m.Call); err != nil {
				return tool.Result{}, p.broken(ctx, err)
			}
		case m.End != nil:
			return p.result(*m.End), nil
		default:
			p.note(m.Log)
		}
	}
}

// broken is the error of a program that could not be followed.
func (p *running) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return model.AsError(context.Cause(ctx))
	}
	return model.Wrap(model.Internal, "program.Run", err)
}

// ask makes a call and lets the program know what it came to.
func (p *running) ask(ctx context.Context, a asking) error {
	if a.N != p.next || a.N >= maxCalls {
		return fmt.Errorf("call %d after %d calls", a.N, p.next)
	}
	p.next++
	p.calls.Go(func() {
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-ctx.Done():
			return
		}
		result, err := p.call(ctx, a.N, a.Name, string(a.Arguments))
		if err != nil {
			p.fail(err)
			return
		}
		// A child that ended does not read: that is for follow to see.
		_ = p.write(outcome(a.N, result))
	})
	return nil
}

// outcome is what a program sees of a result: its text, or its value.
func outcome(n int, r tool.Result) order {
	text, value := content(r)
	switch {
	case r.Error:
		return order{N: n, Error: text}
	case value == nil:
		value, _ = json.Marshal(text)
	}
	if len(value) > maxLine/2 {
		return order{N: n, Error: "The tool's result is too large for a program."}
	}
	return order{N: n, Value: value}
}

// content is a result as text, or as the one value that it holds.
func content(r tool.Result) (string, jsontext.Value) {
	if len(r.Content) == 1 {
		if s, ok := r.Content[0].(*model.Structured); ok && !r.Error {
			return "", s.JSON
		}
	}
	var texts []string
	for _, part := range r.Content {
		switch part := part.(type) {
		case *model.Text:
			texts = append(texts, part.Text)
		case *model.Structured:
			texts = append(texts, string(part.JSON))
		case *model.Image:
			texts = append(texts, "[an image, "+part.Source.MIME+"]")
		default:
			texts = append(texts, "[something that is no text]")
		}
	}
	text := strings.ToValidUTF8(strings.Join(texts, "\n"), "\uFFFD")
	if text == "" && r.Error {
		text = "The tool failed."
	}
	return text, nil
}

// note keeps what the program logged, within bounds; the child keeps to them too.
func (p *running) note(text string) {
	if room := maxLog + 100 - p.log.Len(); room > 0 {
		p.log.WriteString(strings.ToValidUTF8(text[:min(room, len(text))], ""))
		p.log.WriteByte('\n')
	}
}

// result shows what a program came to.
func (p *running) result(end ending) tool.Result {
	if end.Error != "" {
		return failed(p.log.String(), end.Error)
	}
	r := tool.Result{Structured: end.Value}
	if p.log.Len() > 0 {
		r.Content = append(r.Content, &model.Text{Text: strings.TrimSuffix(p.log.String(), "\n")})
	}
	switch {
	case end.Value != nil:
		r.Content = append(r.Content, &model.Text{Text: string(end.Value)})
	case len(r.Content) == 0:
		r.Content = []model.Part{&model.Text{Text: "The program ended without a result."}}
	}
	return r
}

func failed(log, why string) tool.Result {
	r := tool.Result{Error: true}
	if log != "" {
		r.Content = append(r.Content, &model.Text{Text: strings.TrimSuffix(log, "\n")})
	}
	r.Content = append(r.Content, &model.Text{Text: why})
	return r
}
