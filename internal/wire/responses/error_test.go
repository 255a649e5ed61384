package responses_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// TestErrorsNameMembers: no error is about a member that the contract lacks.
func TestErrorsNameMembers(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*model.Error{
		`"input"`:    model.Errorf(model.Unsupported, "messages.0.parts.1", "No pictures."),
		`"tools[0]"`: model.Errorf(model.Unsupported, "tools.0", "No such tool."),
		`null`:       model.Errorf(model.UpstreamDown, "messages", "It is down."),
	} {
		_, body := responses.EncodeError(e)
		stream := responses.NewEncoder(responses.ResponseOptions{ID: "resp_1"}).AppendError(nil, e)
		for _, text := range []string{string(body), string(stream), string(responses.EncodeSocketError(e, "lane"))} {
			if !strings.Contains(text, `"param":`+want) {
				t.Errorf("%v is told as %s", e, text)
			}
		}
	}
	e := model.Errorf(model.ContextLength, "the model", "Too much.")
	if _, body := responses.EncodeError(e); !strings.Contains(string(body), `"param":"input"`) {
		t.Errorf("%v is told as %s", e, body)
	}
}
