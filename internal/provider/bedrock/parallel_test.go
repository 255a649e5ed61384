package bedrock

import (
	"context"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// TestBreakdown: one of several calls that breaks down fails the request, and
// the process goes on.
func TestBreakdown(t *testing.T) {
	t.Parallel()
	err := inParallel(t.Context(), 20, func(_ context.Context, i int) error {
		if i == 7 {
			panic("a nil map")
		}
		return nil
	})
	if e := model.AsError(err); e == nil || e.Kind != model.Internal || strings.Contains(e.Public(), "nil map") || !strings.Contains(e.Error(), "nil map") {
		t.Errorf("got %v", err)
	}
}
