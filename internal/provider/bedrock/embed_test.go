package bedrock_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/script"
)

// TestEmbedManyTexts sends more texts than a call of the family takes and wants
// the vectors in order and the usage summed.
func TestEmbedManyTexts(t *testing.T) {
	t.Parallel()
	var texts []string
	for i := range 100 {
		texts = append(texts, fmt.Sprintf("text number%d", i))
	}
	for id, wantCalls := range map[string]int64{titan: 100, cohere: 2} {
		server := newLoopback(t)
		var calls atomic.Int64
		server.Seen = func(*http.Request, []byte) { calls.Add(1) }
		r, err := connect(t, provider.Config{BaseURL: server.URL}).Embed(t.Context(), &model.EmbedRequest{Model: id, Input: texts})
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		want, err := server.Model.Embed(t.Context(), &model.EmbedRequest{Model: id, Input: texts})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(r.Vectors, want.Vectors) || r.Usage.Input != 200 || calls.Load() != wantCalls {
			t.Errorf("%s: %d vectors (equal: %t) and %d tokens by %d calls, want 100, 200 and %d",
				id, len(r.Vectors), reflect.DeepEqual(r.Vectors, want.Vectors), r.Usage.Input, calls.Load(), wantCalls)
		}
	}
}

// TestEmbedLosses tells with the vectors which hints the family has no words for.
func TestEmbedLosses(t *testing.T) {
	t.Parallel()
	p := connect(t, provider.Config{BaseURL: newLoopback(t).URL})
	for id, want := range map[string]int{titan: 2, cohere: 0} {
		r, err := p.Embed(t.Context(), &model.EmbedRequest{Model: id, Input: []string{"a"}, Purpose: "query", Truncate: "end"})
		if err != nil || len(r.Losses) != want {
			t.Errorf("%s: %v, %v", id, r, err)
		}
	}
}

func TestEmbedFailures(t *testing.T) {
	t.Parallel()
	server := newLoopback(t)
	p := connect(t, provider.Config{BaseURL: server.URL})
	for id, want := range map[string]model.Kind{
		script.EmbedModel: model.Unsupported, "amazon.titan-embed-text-v1": model.ModelNotFound,
	} {
		_, err := p.Embed(t.Context(), &model.EmbedRequest{Model: id, Input: strings.Fields("a b c d e f g h i j k l")})
		if e := model.AsError(err); e == nil || e.Kind != want {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
}
