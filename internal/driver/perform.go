package driver

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// perform starts what was recorded, or is being recorded: then on says whether
// it was.
func (a *actor) perform(ctx context.Context, run *agent.Run, on *record) {
	ctx, stop := context.WithCancelCause(ctx)
	r := &running{stop: stop, on: on}
	a.runs[run.Seq] = r
	job, at := a.job(run, r), *run
	a.group.Add(1)
	a.hands.do(func() {
		defer a.group.Done()
		defer stop(nil)
		body := a.attempt(ctx, at, job)
		if on.stands() {
			a.tell(outcome{at.Seq, body, r.rest})
		}
	})
}

// attempt does the job. One that breaks down has the outcome of one that
// failed, and of a tool nobody knows what it did.
func (a *actor) attempt(ctx context.Context, at agent.Run, job func(context.Context) agent.Body) (body agent.Body) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		a.log.Error("a run broke down", "run", at.Kind, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		switch at.Kind {
		case agent.RunModel:
			body = &agent.ModelFailed{Call: at.Seq, Thread: at.Thread, Turn: at.Turn, Base: at.Base, Code: "internal_error", Message: "The server failed."}
		case agent.RunTool:
			body = &agent.ToolUnknown{Intent: at.Seq, Call: at.Call, Reason: "The server failed while the call was under way."}
		default:
			body = abandoned(&at)
		}
	}()
	return job(ctx)
}

// job prepares what a run does. What it needs of the state is copied out now:
// the state goes on changing.
func (a *actor) job(run *agent.Run, r *running) func(context.Context) agent.Body {
	at := *run
	switch run.Kind {
	case agent.RunModel:
		return a.modelJob(at, r)
	case agent.RunListing:
		return a.listingJob(at)
	case agent.RunTool:
		return a.toolJob(at, r)
	case agent.RunCompact:
		return a.compactJob(at)
	case agent.RunPublish:
		return a.publishJob(at)
	}
	return func(context.Context) agent.Body { return abandoned(&at) }
}

// asker is on whose behalf a run is performed.
func (a *actor) asker(run agent.Run) Asker {
	return Asker{Tenant: a.head.Tenant, Session: a.head.ID, Turn: run.Turn, Principal: a.state.Settings.Principal}
}

func (a *actor) permit(ctx context.Context, who Asker, what string) error {
	if a.d.config.Permit == nil {
		return nil
	}
	return a.d.config.Permit(ctx, who, what)
}

func (a *actor) modelJob(run agent.Run, r *running) func(context.Context) agent.Body {
	who := a.asker(run)
	t := a.state.Thread(run.Thread)
	req, err := a.state.Request(t)
	if err != nil {
		return func(context.Context) agent.Body { return modelFailed(run, err, nil) }
	}
	a.feed.begin(run.Seq)
	said := newSpeech(a, run)
	said.on = r.on
	said.shorten, said.past = t.Turn.Definition.Sampling.Truncate, a.state.Spent
	return func(ctx context.Context) agent.Body {
		defer said.stream.Close() // also where nothing is asked
		if err := a.permit(ctx, who, "model:"+req.Model); err != nil {
			return modelFailed(run, err, nil)
		}
		bounded, capped, err := a.allow(ctx, who, run, req)
		if err != nil {
			if stopped(ctx) {
				return said.interrupted(ctx, model.Usage{}, nil, 0) // it was never asked
			}
			return modelFailed(run, err, nil)
		}
		said.capped = capped
		body := said.listen(ctx, who, bounded)
		r.rest = said.rest
		return body
	}
}

// modelFailed says why an attempt came to nothing.
func modelFailed(run agent.Run, err error, partial []model.Part) *agent.ModelFailed {
	e := model.AsError(err)
	failed := &agent.ModelFailed{Call: run.Seq, Thread: run.Thread, Turn: run.Turn, Base: run.Base,
		Code: turnCode(e), Message: e.Message, After: e.RetryAfter, Partial: partial}
	if e.Kind == model.Internal {
		failed.Message = "The server failed."
	}
	if e.Hint != "" {
		failed.Message += " " + e.Hint
	}
	switch e.Kind {
	case model.RateLimited, model.Overloaded, model.Timeout, model.UpstreamDown, model.UpstreamGarbage, model.NotReady, model.Internal:
		failed.Retry = true
	}
	return failed
}

// turnCode is the Agents API's code for a turn that fails of err.
func turnCode(e *model.Error) string {
	switch e.Kind {
	case model.ContextLength, model.TooLarge:
		return "context_length_exceeded"
	case model.RateLimited:
		return "rate_limit_exceeded"
	case model.BudgetExceeded:
		if e.Code == agent.BudgetExceeded {
			return e.Code
		}
		return "usage_limit_exceeded"
	case model.Overloaded, model.NotReady:
		return "server_overloaded"
	case model.Timeout:
		return "request_timeout"
	case model.UpstreamDown, model.UpstreamGarbage, model.Loop:
		return "connection_failed"
	case model.Unauthenticated, model.Forbidden, model.UpstreamDenied:
		return "authentication_error"
	case model.NotFound, model.ModelNotFound:
		return "resource_not_found"
	case model.Invalid, model.Unsupported, model.ContentFiltered:
		return "invalid_request"
	}
	return "server_error"
}

func (a *actor) compactJob(run agent.Run) func(context.Context) agent.Body {
	who := a.asker(run)
	req := a.state.CompactRequest(a.state.Thread(run.Thread), run.Entries)
	past := a.state.Spent
	done := &agent.Compacted{Call: run.Seq, Thread: run.Thread, Entries: run.Entries}
	return func(ctx context.Context) agent.Body {
		err := a.permit(ctx, who, "model:"+req.Model)
		if err == nil {
			req, _, err = a.allow(ctx, who, run, req)
		}
		if err != nil {
			done.Error = shown(err)
			return stoppedSummary(ctx, done)
		}
		answer, err := a.d.config.Models.Ask(ctx, who, req)
		if err != nil {
			done.Error = shown(err)
			if stopped(ctx) {
				done.Usage = agent.Cut(model.Usage{}, run.Input, 0)
				done.Cost = a.guess(ctx, who, req.Model, done.Usage, past)
			}
			return stoppedSummary(ctx, done)
		}
		resp, err := model.Collect(answer.Stream)
		done.Usage = resp.Usage
		var text string
		if len(resp.Choices) > 0 {
			text = resp.Choices[0].Message.Text()
		}
		if err != nil {
			done.Usage = agent.Cut(resp.Usage, run.Input, len(text))
		}
		done.Cost = price(answer, done.Usage)
		if err != nil || text == "" {
			done.Error = "The model gave no summary."
			return stoppedSummary(ctx, done)
		}
		done.Summary = agent.Summary(text)
		return done
	}
}

// stoppedSummary marks a summary that was stopped, not refused: the next owner
// begins it anew.
func stoppedSummary(ctx context.Context, done *agent.Compacted) agent.Body {
	if errors.Is(context.Cause(ctx), errHandOver) {
		done.Reason = "drain"
	}
	return done
}

// price is what a call costs; -1 where no price is known.
func price(answer *Answer, used model.Usage) int64 {
	if answer.Cost == nil {
		return -1
	}
	cost, known := answer.Cost(used)
	if !known {
		return -1
	}
	return cost
}

func (a *actor) publishJob(run agent.Run) func(context.Context) agent.Body {
	copied, err := a.copyState()
	return func(ctx context.Context) agent.Body {
		for wait := retryEvery; ; wait = min(2*wait, 10*time.Second) {
			if err == nil && a.d.config.Publish != nil {
				err = a.d.config.Publish(ctx, a.head.Tenant, copied)
			}
			if err == nil {
				return &agent.Published{Call: run.Seq}
			}
			if stopped(ctx) {
				return nil // the next owner hands it over
			}
			a.log.Warn("a finished turn could not be handed over; it is tried again", "err", err)
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
				err = nil
			}
		}
	}
}

func (a *actor) copyState() (*agent.State, error) {
	body, err := a.state.Save()
	if err != nil {
		return nil, err
	}
	return agent.Load(body)
}

// abandoned is the outcome of a run that was stopped before it began.
func abandoned(run *agent.Run) agent.Body {
	switch run.Kind {
	case agent.RunModel:
		return &agent.ModelInterrupted{Call: run.Seq, Thread: run.Thread, Turn: run.Turn, Base: run.Base, Reason: "cancel"}
	case agent.RunTool:
		return toolFailed(*run, "The call was cancelled.", true)
	case agent.RunListing:
		return &agent.ToolsListed{Call: run.Seq, Server: run.Server, Digest: run.Digest, Error: "It was cancelled."}
	case agent.RunCompact:
		return &agent.Compacted{Call: run.Seq, Thread: run.Thread, Entries: run.Entries, Error: "It was cancelled."}
	}
	return nil
}

func toolFailed(run agent.Run, words string, denied bool) *agent.ToolReturned {
	return &agent.ToolReturned{Intent: run.Seq, Call: run.Call, Failed: true, Denied: denied,
		Content: []model.Part{&model.Text{Text: words}}}
}

func (a *actor) listingJob(run agent.Run) func(context.Context) agent.Body {
	server := a.server(run)
	who := a.asker(run)
	listed := &agent.ToolsListed{Call: run.Seq, Server: run.Server, Digest: run.Digest}
	return func(ctx context.Context) agent.Body {
		if server == nil {
			listed.Error = "The server is not part of the definition any more."
			return listed
		}
		ctx, cancel := context.WithTimeout(ctx, listTimeout)
		defer cancel()
		specs, err := a.list(ctx, who, *server)
		if err != nil {
			listed.Error = shown(err)
			return listed
		}
		listed.Tools = specs
		return listed
	}
}

// listTimeout bounds asking a server for its tools.
const listTimeout = 30 * time.Second

func (a *actor) list(ctx context.Context, who Asker, server tool.Server) ([]tool.Spec, error) {
	source, err := a.open(ctx, who, server)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return source.List(ctx)
}

// server finds where a listing is to be asked for, with the session's vaults.
func (a *actor) server(run agent.Run) *tool.Server {
	for _, t := range a.state.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, entry := range t.Turn.Definition.Tools {
			if entry.Server != nil && entry.Server.Label == run.Server {
				at := a.with(entry.Server.Server)
				return &at
			}
		}
	}
	return nil
}

func (a *actor) with(server tool.Server) tool.Server {
	if server.Vaults == nil {
		server.Vaults = a.state.Settings.Vaults
	}
	return server
}

func (a *actor) open(ctx context.Context, who Asker, server tool.Server) (tool.Source, error) {
	if a.d.config.Tools == nil {
		return nil, model.Errorf(model.Unsupported, "tools", "This server runs no tools.")
	}
	return a.d.config.Tools.Open(ctx, who.Tenant, server)
}

// shown is what of an error clients and models may see.
func shown(err error) string {
	e := model.AsError(err)
	if e.Kind == model.Internal {
		return "The server failed."
	}
	return e.Message
}

func (a *actor) toolJob(run agent.Run, r *running) func(context.Context) agent.Body {
	t, call := a.state.Call(run.Call)
	if call == nil {
		return func(context.Context) agent.Body { return abandoned(&run) }
	}
	who := a.asker(run)
	if call.Kind == agent.CallProgram {
		r.program = newProgram(a, run, t.Turn, call)
		return r.program.job(who, call.Arguments)
	}
	class, server, meta := a.state.Carrier(t, call)
	if server == nil {
		return func(context.Context) agent.Body { return toolFailed(run, "The tool is not offered any more.", true) }
	}
	where := a.with(*server)
	asked := tool.Call{Name: call.Tool, Key: run.Key, Arguments: []byte(call.Arguments), Meta: meta, Tenant: who.Tenant, Session: who.Session}
	begun := time.Now() // while the lease was seen to hold: a pause before the call counts
	return func(ctx context.Context) agent.Body {
		ctx, cancel := context.WithDeadline(ctx, begun.Add(run.Timeout))
		defer cancel()
		return a.callTool(ctx, who, run, where, class, asked)
	}
}

// callTool makes one call and says what it came to.
func (a *actor) callTool(ctx context.Context, who Asker, run agent.Run, server tool.Server, class tool.Class, call tool.Call) agent.Body {
	if err := a.permit(ctx, who, "tool:"+server.Label+"/"+call.Name); err != nil {
		a.audit(ctx, who, run.Call, "refused")
		return toolFailed(run, shown(err), true)
	}
	a.audit(ctx, who, run.Call, "dispatched")
	started := time.Now()
	source, err := a.open(ctx, who, server)
	if err != nil {
		return toolFailed(run, shown(err), true)
	}
	defer source.Close()
	result, err := source.Call(ctx, call)
	if err != nil {
		return a.toolError(ctx, run, class, err)
	}
	return &agent.ToolReturned{Intent: run.Seq, Call: run.Call, Content: result.Content, Structured: result.Structured,
		Failed: result.Error, Took: time.Since(started)}
}

// toolError says what an error of a call means: the tool did not run, may run
// again, or nobody knows.
func (a *actor) toolError(ctx context.Context, run agent.Run, class tool.Class, err error) agent.Body {
	e := model.AsError(err)
	switch {
	case errors.Is(context.Cause(ctx), errHandOver):
		return nil // the next owner settles it by its class
	case tool.IsNotSent(err), e.Kind == model.Invalid, e.Kind == model.NotFound, class.Repeatable():
		return toolFailed(run, shown(err), tool.IsNotSent(err))
	}
	return &agent.ToolUnknown{Intent: run.Seq, Call: run.Call, Reason: shown(err)}
}

func (a *actor) audit(ctx context.Context, who Asker, call, decision string) {
	if a.d.config.Audit != nil {
		a.d.config.Audit(ctx, who, call, decision)
	}
}
