package anthropic_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
)

// TestTwinsAreRefused: an upstream that compares names without their case would
// serve another model than the one that was permitted and paid for.
func TestTwinsAreRefused(t *testing.T) {
	t.Parallel()
	for member, refused := range map[string]bool{
		`"Model":"dear"`: true, `"mo\u0044el":"dear"`: true, `"Max_Tokens":9`: true, `"ſtream":true`: true, `"Models":1`: false, `"topK":4`: false,
	} {
		body := []byte(`{"model":"cheap","max_tokens":5,"messages":[{"role":"user","content":"x"}],` + member + `}`)
		_, peeked := anthropic.Peek(body)
		_, decoded := anthropic.DecodeRequest(body)
		for what, err := range map[string]error{"peek": peeked, "decode": decoded} {
			if e := model.AsError(err); (e != nil) != refused || e != nil && e.Kind != model.Invalid {
				t.Errorf("%s of %s: got %v", what, member, err)
			}
		}
	}
}
