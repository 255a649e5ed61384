package gateway

import (
	"math"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// TestBound asks for answers so long, so many or so oddly that a careless
// product of both is nothing or less: such a request would reserve no budget.
func TestBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tokens, n int
		want      int64
	}{
		{0, 0, 0},
		{0, 1, 0},
		{100, 0, 100},
		{100, 3, 300},
		{0, 128, 128 * unboundedAnswer},
		{-1, 1, 0},
		{-1, 2, 2 * unboundedAnswer},
		{math.MaxInt, 1, maxTokensBound},
		{1 << 57, 128, 128 * maxTokensBound},
		{1 << 62, 2, 2 * maxTokensBound},
		{math.MaxInt, math.MaxInt, maxTokensBound * maxAnswers},
		{math.MinInt, math.MinInt, 0},
	} {
		if got := Bound(10, c.tokens, c.n).Output; got != c.want {
			t.Errorf("%d tokens in %d answers: got %d, want %d", c.tokens, c.n, got, c.want)
		}
		if got := bound(&model.Request{MaxTokens: &c.tokens, N: c.n}).Output; got != c.want {
			t.Errorf("decoded, %d tokens in %d answers: got %d, want %d", c.tokens, c.n, got, c.want)
		}
	}
	if got := bound(&model.Request{N: 4}).Output; got != 4*unboundedAnswer {
		t.Errorf("4 answers without a bound: got %d", got)
	}
}
