package edge

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// AsyncInvokes keeps and runs async invocations; *async.Runner implements it.
type AsyncInvokes interface {
	Start(ctx context.Context, job async.Job) (*async.Job, error)
	Get(ctx context.Context, tenant, id string) (*async.Job, error)
	List(ctx context.Context, tenant string, q async.Query) ([]async.Job, string, error)
}

// asyncView is an async invocation as the service shows it; times are ISO 8601.
type asyncView struct {
	InvocationArn      string     `json:"invocationArn"`
	ModelArn           string     `json:"modelArn"`
	ClientRequestToken string     `json:"clientRequestToken,omitzero"`
	Status             string     `json:"status"`
	FailureMessage     string     `json:"failureMessage,omitzero"`
	SubmitTime         time.Time  `json:"submitTime"`
	LastModifiedTime   time.Time  `json:"lastModifiedTime"`
	EndTime            *time.Time `json:"endTime,omitempty"`
	Output             outputData `json:"outputDataConfig"`
}

type outputData struct {
	S3 struct {
		URI    string `json:"s3Uri"`
		KMSKey string `json:"kmsKeyId,omitzero"`
		Owner  string `json:"bucketOwner,omitzero"`
	} `json:"s3OutputDataConfig"`
}

// startAsync serves StartAsyncInvoke.
func (h *Handler) startAsync(c *call, m contract.Match) error {
	if h.opts.AsyncInvokes == nil {
		return unsupportedOperation(c, m)
	}
	if err := c.permit(identity.ObjectWrite); err != nil { // the answer lies in the object space
		return err
	}
	var in struct {
		Token  string         `json:"clientRequestToken"`
		Model  string         `json:"modelId"`
		Input  jsontext.Value `json:"modelInput"`
		Output outputData     `json:"outputDataConfig"`
		Tags   []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"tags"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return model.Errorf(model.Invalid, "", "The request body does not decode: %v.", err)
	}
	if in.Output.S3.KMSKey != "" {
		return model.Errorf(model.Invalid, "outputDataConfig.s3OutputDataConfig.kmsKeyId", "No KMS key is mapped to %s on this server.", in.Output.S3.KMSKey).
			WithHint("Leave kmsKeyId out: objects are protected by the server's own storage.")
	}
	if owner := in.Output.S3.Owner; owner != "" && owner != c.who.Tenant.AccountID {
		return model.Errorf(model.Invalid, "outputDataConfig.s3OutputDataConfig.bucketOwner", "The bucket of %s is not owned by account %s.", in.Output.S3.URI, owner)
	}
	if _, _, err := h.opts.Gateway.Explain(c.r.Context(), c.who, in.Model); err != nil {
		return bedrockError(err)
	}
	f := h.familyOf(c, in.Model, in.Input)
	job, err := h.opts.AsyncInvokes.Start(c.r.Context(), async.Job{
		Tenant: c.who.Tenant.ID, KeyID: c.key.ID, Token: in.Token, Model: in.Model, Family: string(f), Input: in.Input,
		Output: in.Output.S3.URI, RequestID: c.id, Tags: tags(c.key.Tags, c.r.Header),
	})
	if err != nil {
		return err
	}
	return c.answer(struct {
		ARN string `json:"invocationArn"`
	}{h.asyncARN(c, job.ID)})
}

// region is the one the client named in its credential scope, else the server's.
func (h *Handler) region(c *call) string {
	if parts := strings.Split(credentialScope(c.r), "/"); len(parts) >= 5 {
		return parts[len(parts)-3]
	}
	return h.opts.Region
}

func (h *Handler) asyncARN(c *call, id string) string {
	return "arn:aws:bedrock:" + h.region(c) + ":" + c.who.Tenant.AccountID + ":async-invoke/" + id
}

func (h *Handler) viewAsync(c *call, j *async.Job) asyncView {
	v := asyncView{
		InvocationArn: h.asyncARN(c, j.ID), ClientRequestToken: j.Token, Status: j.Status, FailureMessage: j.Failure,
		ModelArn:   "arn:aws:bedrock:" + h.region(c) + "::foundation-model/" + j.Model,
		SubmitTime: j.Submitted, LastModifiedTime: j.Modified,
	}
	if strings.HasPrefix(j.Model, "arn:") {
		v.ModelArn = j.Model
	}
	if !j.Ended.IsZero() {
		v.EndTime = &j.Ended
	}
	v.Output.S3.URI = j.Output
	return v
}

// getAsync serves GetAsyncInvoke.
func (h *Handler) getAsync(c *call, m contract.Match) error {
	if h.opts.AsyncInvokes == nil {
		return unsupportedOperation(c, m)
	}
	arn := m.Label("invocationArn")
	job, err := h.opts.AsyncInvokes.Get(c.r.Context(), c.who.Tenant.ID, arn[strings.LastIndexByte(arn, '/')+1:])
	if err != nil {
		return err
	}
	return c.answer(h.viewAsync(c, job))
}

// listAsync serves ListAsyncInvokes.
func (h *Handler) listAsync(c *call, m contract.Match) error {
	if h.opts.AsyncInvokes == nil {
		return unsupportedOperation(c, m)
	}
	query := c.r.URL.Query()
	q := async.Query{Status: query.Get("statusEquals"), Ascending: query.Get("sortOrder") == "Ascending", After: query.Get("nextToken")}
	var err error
	if s := query.Get("maxResults"); s != "" {
		if q.Limit, err = strconv.Atoi(s); err != nil {
			return model.Errorf(model.Invalid, "maxResults", "maxResults must be a whole number.")
		}
	}
	for name, at := range map[string]*time.Time{"submitTimeAfter": &q.From, "submitTimeBefore": &q.To} {
		if s := query.Get(name); s != "" {
			if *at, err = time.Parse(time.RFC3339, s); err != nil {
				return model.Errorf(model.Invalid, name, "%s must be an ISO 8601 time.", name)
			}
		}
	}
	jobs, next, err := h.opts.AsyncInvokes.List(c.r.Context(), c.who.Tenant.ID, q)
	if err != nil {
		return err
	}
	out := struct {
		Next      string      `json:"nextToken,omitzero"`
		Summaries []asyncView `json:"asyncInvokeSummaries"`
	}{Next: next, Summaries: []asyncView{}}
	for i := range jobs {
		out.Summaries = append(out.Summaries, h.viewAsync(c, &jobs[i]))
	}
	return c.answer(out)
}
