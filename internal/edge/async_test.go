package edge_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// start begins an async invocation.
func start(name, token, text string, status int, want ...string) edgetest.Scenario {
	return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/async-invoke", As: "aws", Status: status, Want: want,
		Body: `{"clientRequestToken":"` + token + `","modelId":"script/script-chat","modelInput":{"messages":[{"role":"user","content":"` + text + `"}]},` +
			`"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://results/jobs/"}}}`}
}

// TestAsyncInvocations follows invocations from start to answer.
func TestAsyncInvocations(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	w := edgetest.New(t, edgetest.Options{Invoke: func(ctx context.Context, job *async.Job) ([]byte, error) {
		select {
		case <-proceed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if strings.Contains(string(job.Input), "fail") {
			return nil, errors.New(edgetest.Internals)
		}
		return []byte(`{"answer":` + string(job.Input) + `}`), nil
	}})
	if err := w.Objects.CreateBucket(t.Context(), w.Root.ID, "results"); err != nil {
		t.Fatal(err)
	}
	scenario := start("", "token-1", "Hello", 0)
	arn := invocation.FindStringSubmatch(w.Do(t, &scenario).Body)[1]
	job := arn[strings.LastIndex(arn, "/")+1:]
	get := func(name string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodGet, Path: "/async-invoke/" + strings.ReplaceAll(arn, "/", "%2F"), As: "aws", Status: status, Want: want}
	}
	list := func(name, query string, want, not []string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodGet, Path: "/async-invoke" + query, As: "aws", Want: want, Not: not}
	}
	noBucket, kms, noModel := start("no bucket", "token-3", "Hello", 400, "ValidationException", "bucket"), start("kms", "token-4", "Hello", 400, "KMS"), start("no model", "token-5", "Hello", 400, "model identifier is invalid")
	noBucket.Body = strings.Replace(noBucket.Body, "results", "elsewhere", 1)
	kms.Body = strings.Replace(kms.Body, `"s3Uri"`, `"kmsKeyId":"arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012","s3Uri"`, 1)
	stranger := start("another's bucket", "token-6", "Hello", 400, "not owned by account 000000000000")
	stranger.Body = strings.Replace(stranger.Body, `"s3Uri"`, `"bucketOwner":"000000000000","s3Uri"`, 1)
	noModel.Body = strings.Replace(noModel.Body, "script/script-chat", "nope", 1)
	w.Run(t, []edgetest.Scenario{
		get("under way", 200, `"status":"InProgress"`, `"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/`, w.Root.AccountID, "s3://results/jobs/"+job),
		start("the same token", "token-1", "Hello", 200, arn), start("the token of another request", "token-1", "Bye", 400, "ConflictException", "token"),
		noBucket, kms, stranger, noModel, start("a request that fails", "token-2", "fail", 200),
		list("list", "?statusEquals=InProgress&maxResults=1", []string{"nextToken"}, nil), list("by time", "?submitTimeAfter=2027-01-01T00:00:00Z", []string{`"asyncInvokeSummaries":[]`}, nil),
	})
	close(proceed)
	edgetest.Eventually(t, "an outcome", func() bool {
		jobs, _, err := w.Async.List(t.Context(), w.Root.ID, async.Query{Status: async.InProgress})
		return err == nil && len(jobs) == 0
	})
	w.Advance(time.Hour)
	w.Run(t, []edgetest.Scenario{
		get("done", 200, `"status":"Completed"`, `"endTime":"2026-`), s3("its answer", "GET", "/results/jobs/"+job+"/output.json", "", 200, `"content":"Hello"`),
		s3("its manifest", "GET", "/results/jobs/"+job+"/manifest.json", "", 200, "output.json"),
		list("failed", "?statusEquals=Failed", []string{"failureMessage"}, []string{edgetest.Internals, job}),
		start("the token afterwards", "token-1", "Hello", 200, arn),
	})

	without := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.AsyncInvokes = nil }})
	without.Run(t, []edgetest.Scenario{start("not built in", "token-6", "Hello", 400, "StartAsyncInvoke", "not supported")})
}
