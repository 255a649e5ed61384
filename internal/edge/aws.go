package edge

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
)

// awsHandler serves one operation; labels come decoded from the path.
type awsHandler struct {
	action identity.Action
	serve  func(c *call, m contract.Match) error
}

// awsRouter serves the AWS contracts by their tables: the raw path finds the
// operation, the table checks the input, and a hand-written handler answers.
type awsRouter struct {
	h      *Handler
	router *contract.Router
	ops    map[string]awsHandler
}

func newAWSRouter(h *Handler) (*awsRouter, error) {
	runtime, err := contract.Load("bedrock-runtime")
	if err != nil {
		return nil, err
	}
	router, err := contract.NewRouter(runtime)
	if err != nil {
		return nil, err
	}
	return &awsRouter{h: h, router: router, ops: map[string]awsHandler{
		"Converse":                      {identity.ModelInvoke, h.converse},
		"ConverseStream":                {identity.ModelInvoke, h.converse},
		"InvokeModel":                   {identity.ModelInvoke, h.invokeModel},
		"InvokeModelWithResponseStream": {identity.ModelInvoke, h.invokeModel},
		"CountTokens":                   {identity.ModelInvoke, h.countBedrock},
		"StartAsyncInvoke":              {identity.ModelInvoke, h.startAsync},
		"GetAsyncInvoke":                {identity.ModelInvoke, h.getAsync},
		"ListAsyncInvokes":              {identity.ModelInvoke, h.listAsync},
	}}, nil
}

// ServeHTTP serves a request for an AWS service. Requests signed for s3 go to
// the object space.
func (a *awsRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath()
	}
	if rest, ok := strings.CutPrefix(path, "/aws/s3/"); ok || signedService(r) == "s3" {
		if !ok {
			rest = path[1:]
		}
		a.h.serveS3(w, r, rest)
		return
	}
	hint := contract.Hint{SigningName: signedService(r)}
	if rest, ok := strings.CutPrefix(path, "/aws/"); ok {
		var service string
		service, path, _ = strings.Cut(rest, "/")
		hint.Service, path = service, "/"+path
	}
	m, err := a.router.Match(r.Method, path, hint)
	if err != nil {
		a.h.serve(w, r, awsRuntime, identity.ModelList, []string{"bedrock"}, func(*call) error { return contractError(err) })
		return
	}
	op, ok := a.ops[m.Operation.Name]
	if !ok {
		op = awsHandler{identity.ModelList, unsupportedOperation}
	}
	d := awsRuntime
	if strings.HasPrefix(m.Operation.Name, "InvokeModel") {
		d = awsInvoke
	}
	a.h.serve(w, r, d, op.action, []string{m.Operation.Service.SigningName}, func(c *call) error {
		if err := c.validateInput(m); err != nil {
			return err
		}
		return op.serve(c, m)
	})
}

// validateInput holds the request against the operation's table.
func (c *call) validateInput(m contract.Match) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	violations, err := m.Operation.Validate(contract.Input{Labels: m.Labels, Query: c.r.URL.Query(), Header: c.r.Header, Body: c.body})
	if err != nil {
		return contractError(err)
	}
	// A model may be called upstream/model here, which Amazon's own pattern does
	// not admit. Routing says whether the name means anything.
	violations = slices.DeleteFunc(violations, func(v contract.Violation) bool { return v.Path == "modelId" && !v.Null })
	if len(violations) > 0 {
		return model.Errorf(model.Invalid, violations[0].Path, "%s", contract.Message(violations))
	}
	return nil
}

// unsupportedOperation answers operations that the contract has and this server has not.
func unsupportedOperation(_ *call, m contract.Match) error {
	return noOperation(m.Operation.Name)
}

// contractError keeps a contract's error as the cause, so that it is answered in its own words.
func contractError(err error) error {
	var e *contract.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := model.Invalid
	if e.Status == http.StatusNotFound {
		kind = model.NotFound
	}
	return &model.Error{Kind: kind, Code: e.Code, Message: e.Message, Err: e}
}

var awsRuntime = &dialect{
	name: model.DialectConverse, requestID: "X-Amzn-Requestid",
	encodeError: func(h http.Header, _ string, err *model.Error) (int, []byte) {
		if e := frontDoorError(err); e != nil {
			h.Set("X-Amzn-Errortype", e.Code+":")
			return e.Status, contract.AppendError(nil, e)
		}
		name, _ := bedrock.Exception(err)
		h.Set("X-Amzn-Errortype", name+":")
		return bedrock.EncodeError(err)
	},
}

// awsInvoke is awsRuntime for the operations with native bodies.
var awsInvoke = awsRuntime.named(model.DialectInvoke)

// frontDoorError says what the service's front door says of signatures, keys
// and paths; nil for what the operation itself answers.
func frontDoorError(err *model.Error) *contract.Error {
	var own *contract.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err.Err, &own):
		return own
	case errors.As(err.Err, &signature):
		return &contract.Error{Code: signature.Code, Status: signature.Status, Message: signature.Message}
	case err.Kind != model.Unauthenticated:
		return nil
	case err.Code == noCredential:
		return &contract.Error{Code: err.Code, Status: http.StatusForbidden, Capital: true, Message: err.Public()}
	}
	return &contract.Error{Code: "AccessDeniedException", Status: http.StatusForbidden, Capital: true,
		Message: "Authentication failed: Please make sure your API Key is valid."}
}
