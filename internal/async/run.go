package async

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// run calls the model when there is a place, and stores the outcome. A job that
// the term's end interrupts keeps its mark: whoever takes it over runs it again.
func (r *Runner) run(term context.Context, job *Job, version int64) {
	r.work.Go(func() {
		defer r.drop(job.mark())
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
		case <-term.Done():
			return
		}
		answer, err := r.invoke(term, job)
		if term.Err() != nil {
			return
		}
		if err == nil {
			err = r.store(term, job, answer)
		}
		if term.Err() != nil {
			return // what was stored is stored again
		}
		r.finish(term, job, version, err)
	})
}

// finish writes a job's outcome, unless another runner took the job over. A
// mark that stays behind is found by a later round.
func (r *Runner) finish(ctx context.Context, job *Job, version int64, failure error) {
	done := *job
	done.Status, done.Ended = Completed, r.cfg.Now().UTC()
	done.Modified = done.Ended
	if failure != nil {
		done.Status, done.Failure = Failed, model.AsError(failure).Public()
		r.cfg.Log.Warn("an async invocation failed", "job", job.ID, "tenant", job.Tenant, "err", failure)
	}
	_, err := r.save(ctx, &done, version)
	if errors.Is(err, document.ErrConflict) {
		r.cfg.Log.Warn("an async invocation was taken over by another server before it ended here", "job", job.ID)
		return
	}
	if err != nil {
		r.cfg.Log.Error("the outcome of an async invocation was not stored; it is run again", "job", job.ID, "err", err)
		return
	}
	if err := orTaken(r.cfg.Documents.Delete(ctx, "", openKind, job.mark(), document.Any)); err != nil {
		r.cfg.Log.Warn("a finished async invocation is still marked open", "job", job.ID, "err", err)
	}
}

// invoke calls the model. An input that breaks it down fails its own job: the
// server would go down with it, and again with each start that resumes it.
func (r *Runner) invoke(ctx context.Context, job *Job) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = model.Wrap(model.Internal, "async.invoke", fmt.Errorf("%v\n%s", p, debug.Stack()))
		}
	}()
	return r.cfg.Invoke(ctx, job)
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
	// The manifest comes last: who waits for it finds what it names.
	for _, file := range []struct {
		name string
		body []byte
	}{{"output.json", answer}, {"manifest.json", manifest}} {
		_, err := r.cfg.Objects.Put(ctx, job.Tenant, bucket, prefix+"/"+file.name, bytes.NewReader(file.body),
			blob.Attributes{ContentType: "application/json"}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}
