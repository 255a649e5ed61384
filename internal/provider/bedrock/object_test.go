package bedrock

import (
	"errors"
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
)

// unreached is a network that no request may come to.
type unreached struct{ t *testing.T }

func (u unreached) RoundTrip(*http.Request) (*http.Response, error) {
	u.t.Error("the upstream was called")
	return nil, errors.New("unreached")
}

// TestObjectsOfOthers names buckets that only the operator's credential may
// read, in every place where a dialect can put an address.
func TestObjectsOfOthers(t *testing.T) {
	t.Parallel()
	p, err := New(provider.Config{Kind: "bedrock", Region: "eu-central-1", Transport: unreached{t},
		AWS: provider.AWS{Bearer: provider.StaticKey("key")}})
	if err != nil {
		t.Fatal(err)
	}
	there := model.Source{URL: "s3://operators-bucket/secret.pdf", MIME: "application/pdf"}
	for name, part := range map[string]model.Part{
		"image":       &model.Image{Source: there},
		"audio":       &model.Audio{Source: there},
		"video":       &model.Video{Source: there},
		"document":    &model.Document{Source: there, Name: "d"},
		"tool result": &model.ToolResult{CallID: "c", Content: []model.Part{&model.Document{Source: there, Name: "d"}}},
	} {
		req := &model.Request{Model: "amazon.nova-lite-v1:0", Messages: []model.Message{model.UserText("Read it."), {Role: model.RoleUser, Parts: []model.Part{part}}}}
		var e *model.Error
		if _, err := p.Generate(t.Context(), req); !errors.As(err, &e) || e.Kind != model.Unsupported {
			t.Errorf("%s: Generate answers %v", name, err)
		}
		if _, err := p.CountTokens(t.Context(), req); !errors.As(err, &e) || e.Kind != model.Unsupported {
			t.Errorf("%s: CountTokens answers %v", name, err)
		}
	}
}
