package bedrock

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

func TestEncodeErrorCoversEveryKind(t *testing.T) {
	t.Parallel()
	for kind := model.Internal; kind <= model.NotReady; kind++ {
		e := &model.Error{Kind: kind, Message: "What.", Hint: "Do.", Err: errors.New("secret"), Op: "op"}
		name, status := Exception(e)
		gotStatus, body := EncodeError(e)
		if _, ok := exceptions[kind]; !ok || status != gotStatus || status < 400 {
			t.Errorf("%v: %s %d, body says %d", kind, name, status, gotStatus)
		}
		if s := string(body); !strings.HasPrefix(s, `{"__type":"`+name+`","message":"`) || !strings.Contains(s, "What. Do.") ||
			strings.Contains(s, "secret") || !object.Is(body) {
			t.Errorf("%v: %s", kind, s)
		}
	}
}

func TestEncodeErrorForms(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*model.Error{
		`{"__type":"InvalidSignatureException","message":"No."}`: {Kind: model.Unauthenticated, Code: "InvalidSignatureException", Message: "No."},
		`{"__type":"SerializationException","message":"No."}`:    {Kind: model.Invalid, Code: "SerializationException", Message: "No."},
		`{"__type":"ValidationException","message":"No."}`:       {Kind: model.Invalid, Code: "upstream_code", Message: "No."},
		`{"__type":"ValidationException","message":"The provided model identifier is invalid."}`: {
			Kind: model.ModelNotFound, Message: "The provided model identifier is invalid."},
		`{"__type":"ValidationException","message":"The provided model identifier is invalid. Which gpt?"}`: {
			Kind: model.ModelNotFound, Message: "Which gpt?"},
		`{"__type":"ModelErrorException","message":"No.","originalStatusCode":418,"resourceName":"m"}`: {
			Kind: model.UpstreamDenied, Message: "No.", UpstreamStatus: 418, Subject: "m"},
	} {
		if _, got := EncodeError(e); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestDecodeError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		typ, body  string
		want       model.Kind
		public, no string
	}{
		"live form": {
			status: 429, typ: "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
			body: `{"message":"Too many requests, please wait before trying again."}`, want: model.RateLimited, public: "Too many requests",
		},
		"namespace":    {status: 400, body: `{"__type":"com.amazon#ValidationException","message":"bad"}`, want: model.Invalid, public: "bad"},
		"code":         {status: 404, body: `{"code":"ResourceNotFoundException"}`, want: model.ModelNotFound},
		"long":         {status: 400, typ: "ValidationException", body: `{"message":"Input is too long for requested model"}`, want: model.ContextLength},
		"model":        {status: 400, typ: "ValidationException", body: `{"message":"The provided model identifier is invalid."}`, want: model.ModelNotFound},
		"denied":       {status: 403, typ: "AccessDeniedException", body: `{"Message":"User: arn:aws:iam::1:user/x is not"}`, want: model.UpstreamDenied, no: "arn:"},
		"html":         {status: 502, body: `<html>`, want: model.UpstreamDown, public: "failed"},
		"bare 403":     {status: 403, body: ``, want: model.UpstreamDenied},
		"bare timeout": {status: 504, body: ``, want: model.Timeout},
		"teapot":       {status: 418, body: `{"message":"short and stout"}`, want: model.Invalid, public: "stout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{"Retry-After": {"3"}}
			if c.typ != "" {
				h.Set("x-amzn-ErrorType", c.typ)
			}
			e := DecodeError(c.status, h, []byte(c.body))
			if e.Kind != c.want || e.UpstreamStatus != c.status || e.RetryAfter != 3*time.Second {
				t.Errorf("got %+v, want kind %v", e, c.want)
			}
			if !strings.Contains(e.Public(), c.public) || c.no != "" && strings.Contains(e.Public(), c.no) {
				t.Errorf("public text %q", e.Public())
			}
		})
	}
}
