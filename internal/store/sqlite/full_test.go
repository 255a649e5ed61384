package sqlite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/document"
)

// limit bounds the size of the database, as a full disk would.
func limit(t *testing.T, s *Store, pages int) {
	t.Helper()
	pragma(t, s, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
}

// TestFullDisk lets writers run into the end of the disk together: what was
// acknowledged is there, what was refused is not, and all is well once there
// is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	limit(t, s, 300)
	body := []byte(strings.Repeat("x", 20_000))
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcome := map[string]error{}
	for w := range 16 {
		wg.Go(func() {
			for i := range 10 {
				id := fmt.Sprintf("%d-%d", w, i)
				_, err := s.Put(context.Background(), document.Document{Tenant: "t1", Kind: "k", ID: id, Body: body})
				mu.Lock()
				outcome[id] = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	kept := 0
	for id, err := range outcome {
		_, missing := s.Get(t.Context(), "t1", "k", id)
		if (err == nil) != (missing == nil) {
			t.Errorf("writing %s answered %v, reading it %v", id, err, missing)
		}
		if err == nil {
			kept++
		}
	}
	if kept == 0 || kept == len(outcome) {
		t.Fatalf("%d of %d writes fitted: the disk was not filled", kept, len(outcome))
	}
	limit(t, s, 1<<30)
	if _, err := s.Put(t.Context(), document.Document{Tenant: "t1", Kind: "k", ID: "after", Body: body}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
