package postgres

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// TestCommitsWait reads which transactions wait for the disk: all that are not
// loose.
func TestCommitsWait(t *testing.T) {
	t.Parallel()
	for loose, want := range map[bool]string{false: "'synchronous_commit', 'on'", true: "'synchronous_commit', 'off'"} {
		if got := begin(sqlstore.Scope{Tenant: "t1", Loose: loose}); !strings.Contains(got, want) {
			t.Errorf("a transaction that is loose (%t) begins with %s", loose, got)
		}
	}
}
