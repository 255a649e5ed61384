// Package async runs Bedrock's async invocations: a model is called in the
// background and its answer lies in the tenant's object space when it is done.
// It is for the edge, which starts and shows them, and for the command, which
// runs the Runner.
//
// It guarantees that an invocation is durable when Start returns, that a client
// token starts one invocation however often it is sent, and that invocations
// under way when the server stopped or crashed are run again when it starts;
// a call of the model may thus happen twice, its output appears once.
//
//	runner := async.New(async.Config{Documents: store, Objects: space, Invoke: invoke, …})
//	job, err := runner.Start(ctx, async.Job{Tenant: t, Model: name, Input: body, Output: "s3://results/run"})
package async

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// The states of a Job.
const (
	InProgress = "InProgress"
	Completed  = "Completed"
	Failed     = "Failed"
)

// Kinds of documents this package keeps.
const (
	jobKind   = "async.job"
	tokenKind = "async.token"
	openKind  = "async.open" // tenant "" : what to run again after a restart
)

// Job is one async invocation.
type Job struct {
	Tenant string `json:"tenant"`
	KeyID  string `json:"key_id"`
	// ID has 12 characters; it sorts by time of submission.
	ID string `json:"id"`
	// Token is the client's idempotency token; may be empty.
	Token string `json:"token,omitzero"`
	Model string `json:"model"`
	// Family names the native body of Input.
	Family string         `json:"family"`
	Input  jsontext.Value `json:"input"`
	// Output is the s3:// address; once started, with the job's id.
	Output    string            `json:"output"`
	RequestID string            `json:"request_id"`
	Tags      map[string]string `json:"tags,omitempty"`
	Status    string            `json:"status"`
	Failure   string            `json:"failure,omitzero"`
	Submitted time.Time         `json:"submitted"`
	Modified  time.Time         `json:"modified"`
	// Ended is when it was done; zero while in progress.
	Ended time.Time `json:"ended,omitzero"`
}

// Query selects jobs.
type Query struct {
	Status    string
	From, To  time.Time
	Ascending bool
	// After is the token of the last page; Limit caps this one, 0 means 100.
	After string
	Limit int
}

// Config is what a Runner needs; all but Waiting is required.
type Config struct {
	Documents document.Store
	Objects   *blob.Space
	// Invoke calls the model and returns the native answer.
	Invoke func(ctx context.Context, job *Job) ([]byte, error)
	Now    func() time.Time
	// NewID makes random lower-case text of at least six characters.
	NewID func() string
	Log   *slog.Logger
	// Parallel is how many jobs run at once.
	Parallel int
	// Waiting is how many may run or wait; further ones are refused as
	// Overloaded. 0 means DefaultWaiting.
	Waiting int
}

// DefaultWaiting is Config.Waiting where it is not set.
const DefaultWaiting = 1000

// Runner starts and runs jobs. It is safe for concurrent use. Close it.
type Runner struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	work   sync.WaitGroup
	// waiting counts the jobs that run or wait for a place.
	waiting atomic.Int64
}

// New returns a Runner; Resume runs what an earlier process left.
func New(cfg Config) *Runner {
	if cfg.Waiting <= 0 {
		cfg.Waiting = DefaultWaiting
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Runner{cfg: cfg, ctx: ctx, cancel: cancel, slots: make(chan struct{}, max(cfg.Parallel, 1))}
}

// Close interrupts what runs, which is run again by the next process, and waits.
func (r *Runner) Close() {
	r.cancel()
	r.work.Wait()
}

// Resume runs again what was in progress. With several replicas on one
// database only one of them should call it.
func (r *Runner) Resume(ctx context.Context) error {
	query := document.Query{Kind: openKind}
	for {
		open, err := r.cfg.Documents.List(ctx, query)
		if err != nil || len(open) == 0 {
			return err
		}
		for _, doc := range open {
			query.After = doc.ID
			if err := r.resume(ctx, doc.ID); err != nil {
				return err
			}
		}
	}
}

// resume runs one job that was marked open, and forgets the mark of one that
// has ended, or was never stored because the server stopped in between.
func (r *Runner) resume(ctx context.Context, mark string) error {
	tenant, id, _ := strings.Cut(mark, "/")
	job, err := r.Get(ctx, tenant, id)
	if err == nil && job.Status == InProgress {
		r.waiting.Add(1)
		r.run(job)
		return nil
	}
	if err != nil && model.AsError(err).Kind != model.NotFound {
		return err // the mark is all that is known of the job: it stays
	}
	return r.cfg.Documents.Delete(ctx, "", openKind, mark, document.Any)
}

// Start makes a job durable and begins it. A token that was used before
// answers the job it started, or a Conflict if the request differs.
func (r *Runner) Start(ctx context.Context, job Job) (*Job, error) {
	bucket, _, err := address(job.Output)
	if err != nil {
		return nil, err
	}
	if err := r.cfg.Objects.HeadBucket(ctx, job.Tenant, bucket); err != nil {
		return nil, model.Errorf(model.Invalid, "outputDataConfig", "Invalid S3 credentials or bucket: there is no bucket %q in your object space.", bucket).
			WithHint("Create it with the s3 client, or `craton objects mb`.")
	}
	// A copy of its own, in the one form that two equal inputs share.
	job.Input = job.Input.Clone()
	if err := job.Input.Canonicalize(); err != nil {
		return nil, model.Errorf(model.Invalid, "modelInput", "modelInput is not valid JSON: %v.", err)
	}
	now := r.cfg.Now().UTC()
	job.ID = base36(now.Unix()) + letters(r.cfg.NewID(), 5)
	asked := job.Output
	job.Output = strings.TrimSuffix(job.Output, "/") + "/" + job.ID
	job.Status, job.Submitted, job.Modified = InProgress, now, now
	if r.waiting.Add(1) > int64(r.cfg.Waiting) {
		r.waiting.Add(-1)
		return nil, &model.Error{Kind: model.Overloaded, Message: "Too many async invocations are waiting.", Hint: "Try again when some have ended.", RetryAfter: time.Minute}
	}
	first, err := r.begin(ctx, &job, asked)
	if first != nil || err != nil {
		r.waiting.Add(-1)
		return first, err
	}
	r.run(&job)
	return &job, nil
}

// begin makes a job durable, or returns the one that its token started before.
// The mark comes first: a job in progress without one would never be resumed.
func (r *Runner) begin(ctx context.Context, job *Job, asked string) (*Job, error) {
	if job.Token != "" {
		if first, err := r.claim(ctx, job, asked); first != nil || err != nil {
			return first, err
		}
	}
	mark := document.Document{Kind: openKind, ID: job.Tenant + "/" + job.ID, Version: document.Any, CreatedAt: job.Submitted, UpdatedAt: job.Submitted}
	if _, err := r.cfg.Documents.Put(ctx, mark); err != nil {
		return nil, err
	}
	return nil, r.save(ctx, job, 0)
}

// claim takes a client token for a job, or returns the job that has it.
func (r *Runner) claim(ctx context.Context, job *Job, asked string) (*Job, error) {
	doc := document.Document{Tenant: job.Tenant, Kind: tokenKind, ID: job.Token, Body: []byte(job.ID), CreatedAt: job.Submitted, UpdatedAt: job.Submitted}
	_, err := r.cfg.Documents.Put(ctx, doc)
	if err == nil || !errors.Is(err, document.ErrConflict) {
		return nil, err
	}
	taken, err := r.cfg.Documents.Get(ctx, job.Tenant, tokenKind, job.Token)
	if err != nil {
		return nil, err
	}
	first, err := r.Get(ctx, job.Tenant, string(taken.Body))
	if err != nil && model.AsError(err).Kind == model.NotFound {
		return nil, r.inherit(ctx, doc, taken)
	}
	if err != nil {
		return nil, err
	}
	same := first.Model == job.Model && string(first.Input) == string(job.Input) &&
		strings.TrimSuffix(first.Output, "/"+first.ID) == strings.TrimSuffix(asked, "/")
	if !same {
		return nil, model.Errorf(model.Conflict, "clientRequestToken", "The client request token was used with different parameters.")
	}
	return first, nil
}

// claimAge is when a claim without a job is nobody's any more.
const claimAge = time.Minute

// inherit takes over the claim of a token whose job was never stored: its
// server stopped in between, unless it is about to. Of several that take it
// over, only one wins by the claim's version.
func (r *Runner) inherit(ctx context.Context, claim, taken document.Document) error {
	if claim.UpdatedAt.Sub(taken.UpdatedAt) < claimAge {
		return &model.Error{Kind: model.Overloaded, Subject: "clientRequestToken", Message: "A request with this token is being started.",
			Hint: "Try again shortly.", RetryAfter: time.Second}
	}
	claim.Version = taken.Version
	_, err := r.cfg.Documents.Put(ctx, claim)
	return err
}

func (r *Runner) save(ctx context.Context, job *Job, version int64) error {
	body, err := json.Marshal(job)
	if err != nil {
		return err
	}
	_, err = r.cfg.Documents.Put(ctx, document.Document{Tenant: job.Tenant, Kind: jobKind, ID: job.ID, Version: version, Body: body,
		CreatedAt: job.Submitted, UpdatedAt: job.Modified})
	return err
}

// Get returns a job, or NotFound.
func (r *Runner) Get(ctx context.Context, tenant, id string) (*Job, error) {
	doc, err := r.cfg.Documents.Get(ctx, tenant, jobKind, id)
	if errors.Is(err, document.ErrNotFound) {
		return nil, model.Errorf(model.NotFound, "invocationArn", "The async invocation was not found.")
	}
	if err != nil {
		return nil, err
	}
	var job Job
	return &job, json.Unmarshal(doc.Body, &job)
}

// List returns a page of jobs by time of submission, newest first unless
// Ascending, and the token of the next page.
func (r *Runner) List(ctx context.Context, tenant string, q Query) ([]Job, string, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	var jobs []Job
	after := q.After
	for {
		docs, err := r.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: jobKind, After: after, Descending: !q.Ascending})
		if err != nil {
			return nil, "", err
		}
		for _, doc := range docs {
			var job Job
			if err := json.Unmarshal(doc.Body, &job); err != nil {
				return nil, "", err
			}
			if q.Status != "" && job.Status != q.Status || !q.From.IsZero() && !job.Submitted.After(q.From) || !q.To.IsZero() && !job.Submitted.Before(q.To) {
				after = doc.ID
				continue
			}
			if len(jobs) == q.Limit {
				return jobs, after, nil
			}
			jobs, after = append(jobs, job), doc.ID
		}
		if len(docs) < 1000 {
			return jobs, "", nil
		}
	}
}

// run calls the model when there is a place, and stores the outcome.
func (r *Runner) run(job *Job) {
	r.work.Go(func() {
		defer r.waiting.Add(-1)
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
		case <-r.ctx.Done():
			return
		}
		answer, err := r.invoke(job)
		if r.ctx.Err() != nil {
			return // run again by the next process
		}
		if err == nil {
			err = r.store(r.ctx, job, answer)
		}
		if r.ctx.Err() != nil {
			return // what was stored is stored again by the next process
		}
		done := *job
		done.Status, done.Ended = Completed, r.cfg.Now().UTC()
		done.Modified = done.Ended
		if err != nil {
			done.Status, done.Failure = Failed, model.AsError(err).Public()
			r.cfg.Log.Warn("an async invocation failed", "job", job.ID, "tenant", job.Tenant, "err", err)
		}
		if err := r.save(r.ctx, &done, document.Any); err != nil {
			r.cfg.Log.Error("the outcome of an async invocation was not stored; it is run again at the next start", "job", job.ID, "err", err)
			return
		}
		if err := r.cfg.Documents.Delete(r.ctx, "", openKind, job.Tenant+"/"+job.ID, document.Any); err != nil {
			r.cfg.Log.Warn("a finished async invocation is still marked open", "job", job.ID, "err", err)
		}
	})
}

// invoke calls the model. An input that breaks it down fails its own job: the
// server would go down with it, and again with each start that resumes it.
func (r *Runner) invoke(job *Job) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = model.Wrap(model.Internal, "async.invoke", fmt.Errorf("%v\n%s", p, debug.Stack()))
		}
	}()
	return r.cfg.Invoke(r.ctx, job)
}

// store writes the answer and a manifest beside it.
func (r *Runner) store(ctx context.Context, job *Job, answer []byte) error {
	bucket, prefix, err := address(job.Output)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(struct {
		Model  string   `json:"modelId"`
		Files  []string `json:"outputFiles"`
		Status string   `json:"status"`
	}{job.Model, []string{"output.json"}, Completed})
	if err != nil {
		return err
	}
	for name, body := range map[string][]byte{"output.json": answer, "manifest.json": manifest} {
		_, err := r.cfg.Objects.Put(ctx, job.Tenant, bucket, prefix+"/"+name, strings.NewReader(string(body)),
			blob.Attributes{ContentType: "application/json"}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// address splits s3://BUCKET/PREFIX.
func address(uri string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", model.Errorf(model.Invalid, "outputDataConfig.s3OutputDataConfig.s3Uri", "The value %q is not an s3://BUCKET/PREFIX address.", uri)
	}
	return bucket, strings.Trim(prefix, "/"), nil
}

// base36 writes a time in seven digits, so that ids sort by it.
func base36(n int64) string {
	digits := strconv.FormatInt(n, 36)
	return ("0000000" + digits)[len(digits):]
}

// letters takes n letters and digits of an id.
func letters(id string, n int) string {
	return (strings.ReplaceAll(id, "-", "") + "00000")[:n]
}
