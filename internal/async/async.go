// Package async runs Bedrock's async invocations: a model is called in the
// background and its answer lies in the tenant's object space when it is done.
// It is for the edge, which starts and shows them, and for the command, which
// runs the Runner.
//
// It guarantees that an invocation is durable when Start returns, that a client
// token starts one invocation however often it is sent, and that of any number
// of replicas on one store exactly one runs an invocation, which another takes
// over when that one stops or dies; a call of the model may thus happen twice,
// its outcome is recorded once.
//
//	runner := async.New(async.Config{Documents: store, Objects: space, Invoke: invoke, …})
//	job, err := runner.Start(ctx, async.Job{Tenant: t, Model: name, Input: body, Output: "s3://results/run"})
package async

import (
	"context"
	"errors"
	"log/slog"
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
	openKind  = "async.open" // tenant "" : what is to be run, and by whom
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

// Config is what a Runner needs; Waiting, Lease and Alone may be left out.
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
	// Lease is how long a runner may be silent before others take over its
	// jobs. 0 means DefaultLease.
	Lease time.Duration
	// Alone says that no other process uses the store: what an earlier one left
	// is taken over at once.
	Alone bool
}

// DefaultWaiting is Config.Waiting where it is not set.
const DefaultWaiting = 1000

// Runner starts and runs jobs. It is safe for concurrent use. Close it.
type Runner struct {
	cfg Config
	// node names this runner among those on one store.
	node   string
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	work   sync.WaitGroup
	keeper sync.Once
	// waiting counts the jobs that run or wait for a place.
	waiting atomic.Int64

	mu   sync.Mutex
	term *term
	// held are the open marks of the jobs counted in waiting.
	held map[string]bool
	seen map[string]sign
}

// New returns a Runner; Resume runs what other runners left.
func New(cfg Config) *Runner {
	if cfg.Waiting <= 0 {
		cfg.Waiting = DefaultWaiting
	}
	if cfg.Lease <= 0 {
		cfg.Lease = DefaultLease
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Runner{cfg: cfg, node: cfg.NewID(), ctx: ctx, cancel: cancel, slots: make(chan struct{}, max(cfg.Parallel, 1)),
		held: map[string]bool{}, seen: map[string]sign{}}
}

// Close interrupts what runs, which another runner takes over, and waits.
func (r *Runner) Close() {
	r.cancel()
	r.work.Wait()
	r.leave()
}

// Start makes a job durable and begins it. A token that was used before
// answers the job it started, or a Conflict if the request differs.
func (r *Runner) Start(ctx context.Context, job Job) (*Job, error) {
	bucket, _, err := address(job.Output)
	if err != nil {
		return nil, err
	}
	// A copy of its own, in the one form that two equal inputs share.
	job.Input = job.Input.Clone()
	if err := job.Input.Canonicalize(); err != nil {
		return nil, model.Errorf(model.Invalid, "modelInput", "modelInput is not valid JSON: %v.", err)
	}
	// What was started stays so, whether or not there is a place, or the bucket, now.
	if first, err := r.started(ctx, &job); first != nil || err != nil {
		return first, err
	}
	if err := r.cfg.Objects.HeadBucket(ctx, job.Tenant, bucket); err != nil {
		return nil, model.Errorf(model.Invalid, "outputDataConfig", "Invalid S3 credentials or bucket: there is no bucket %q in your object space.", bucket).
			WithHint("Create it with the s3 client, or `craton objects mb`.")
	}
	now := r.cfg.Now().UTC()
	job.ID = base36(now.Unix()) + letters(r.cfg.NewID(), 5)
	asked := job.Output
	job.Output = strings.TrimSuffix(job.Output, "/") + "/" + job.ID
	job.Status, job.Submitted, job.Modified = InProgress, now, now
	term, err := r.join(ctx)
	if err != nil {
		return nil, err
	}
	if !r.place() {
		return nil, &model.Error{Kind: model.Overloaded, Message: "Too many async invocations are waiting.", Hint: "Try again when some have ended.", RetryAfter: time.Minute}
	}
	r.hold(job.mark())
	first, version, err := r.begin(ctx, &job, asked)
	if first != nil || err != nil {
		r.drop(job.mark())
		return first, err
	}
	started := job
	r.run(term, &job, version)
	return &started, nil
}

// mark is the id of a job's open mark.
func (j *Job) mark() string { return j.Tenant + "/" + j.ID }

// begin makes a job durable, or returns the one that its token started before.
// The mark comes first: a job in progress without one would never be resumed.
func (r *Runner) begin(ctx context.Context, job *Job, asked string) (*Job, int64, error) {
	if job.Token != "" {
		if first, err := r.claim(ctx, job, asked); first != nil || err != nil {
			return first, 0, err
		}
	}
	body, err := json.Marshal(mark{Node: r.node})
	if err != nil {
		return nil, 0, err
	}
	open := document.Document{Kind: openKind, ID: job.mark(), Version: document.Any, Body: body, CreatedAt: job.Submitted, UpdatedAt: job.Submitted}
	if _, err := r.cfg.Documents.Put(ctx, open); err != nil {
		return nil, 0, err
	}
	version, err := r.save(ctx, job, 0)
	return nil, version, err
}

// started returns the job that a token started before; nil if there is none, or
// none that is known to be.
func (r *Runner) started(ctx context.Context, job *Job) (*Job, error) {
	if job.Token == "" {
		return nil, nil
	}
	taken, err := r.cfg.Documents.Get(ctx, job.Tenant, tokenKind, job.Token)
	if errors.Is(err, document.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first, err := r.Get(ctx, job.Tenant, string(taken.Body))
	if err != nil && model.AsError(err).Kind == model.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := job.repeats(first, job.Output); err != nil {
		return nil, err
	}
	return first, nil
}

// repeats refuses a job that comes by another's token with other parameters;
// asked is where its output was to go.
func (j *Job) repeats(first *Job, asked string) error {
	same := first.Model == j.Model && string(first.Input) == string(j.Input) &&
		strings.TrimSuffix(first.Output, "/"+first.ID) == strings.TrimSuffix(asked, "/")
	if !same {
		return model.Errorf(model.Conflict, "clientRequestToken", "The client request token was used with different parameters.")
	}
	return nil
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
	if err := job.repeats(first, asked); err != nil {
		return nil, err
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

// save writes a job over the version given and returns its new one.
func (r *Runner) save(ctx context.Context, job *Job, version int64) (int64, error) {
	body, err := json.Marshal(job)
	if err != nil {
		return 0, err
	}
	doc, err := r.cfg.Documents.Put(ctx, document.Document{Tenant: job.Tenant, Kind: jobKind, ID: job.ID, Version: version, Body: body,
		CreatedAt: job.Submitted, UpdatedAt: job.Modified})
	return doc.Version, err
}

// Get returns a job, or NotFound.
func (r *Runner) Get(ctx context.Context, tenant, id string) (*Job, error) {
	job, _, err := r.get(ctx, tenant, id)
	return job, err
}

// get returns a job and its version.
func (r *Runner) get(ctx context.Context, tenant, id string) (*Job, int64, error) {
	doc, err := r.cfg.Documents.Get(ctx, tenant, jobKind, id)
	if errors.Is(err, document.ErrNotFound) {
		return nil, 0, model.Errorf(model.NotFound, "invocationArn", "The async invocation was not found.")
	}
	if err != nil {
		return nil, 0, err
	}
	var job Job
	return &job, doc.Version, json.Unmarshal(doc.Body, &job)
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
