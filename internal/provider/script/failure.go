package script

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// kindOf maps an HTTP status or a kind's name to the kind of error an upstream
// answering it means.
func kindOf(status string) (model.Kind, int) {
	switch status {
	case "400", "422":
		return model.Invalid, 400
	case "401":
		return model.UpstreamDenied, 401
	case "403":
		return model.Forbidden, 403
	case "404":
		return model.ModelNotFound, 404
	case "408", "504", "timeout":
		return model.Timeout, 504
	case "409":
		return model.Conflict, 409
	case "413":
		return model.TooLarge, 413
	case "429", "rate_limited":
		return model.RateLimited, 429
	case "503", "529", "overloaded":
		return model.Overloaded, 503
	case "context_length":
		return model.ContextLength, 400
	case "content_filtered":
		return model.ContentFiltered, 400
	case "not_ready":
		return model.NotReady, 503
	case "upstream_garbage":
		return model.UpstreamGarbage, 0
	}
	return model.UpstreamDown, 500
}

func (f *Failure) err(v *view, groups map[string]string) *model.Error {
	status := strings.ToLower(strings.TrimSpace(v.expand(f.Status, groups)))
	kind, code := kindOf(status)
	text := v.expand(f.Message, groups)
	if text == "" {
		text = fmt.Sprintf("The script was asked to fail: %s.", status)
	}
	return &model.Error{
		Kind: kind, Op: "provider/script.Generate", Message: text, UpstreamStatus: code, RetryAfter: f.RetryAfter,
	}
}
