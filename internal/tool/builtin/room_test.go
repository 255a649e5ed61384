package builtin_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
)

// TestSearchesShareTheirRoom: what searches read at once is bounded, however many
// they are and however large the files.
func TestSearchesShareTheirRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		free := make(chan struct{})
		large := builtin.File{ID: "file-1", Name: "a.txt", MIME: "text/plain", Size: 60 << 20, Open: func() (io.ReadCloser, error) {
			open.Add(1)
			<-free
			return io.NopCloser(strings.NewReader("a warranty")), nil
		}}
		small := large
		small.Size = 30 << 20
		source, err := builtin.New(builtin.Config{Files: library{"large": {large}, "small": {small}}}).Source("file_search")
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan string, 3)
		search := func(ctx context.Context, tenant string) {
			go func() {
				r, err := source.Call(ctx, tool.Call{Name: "file_search", Tenant: tenant, Arguments: jsontext.Value(`{"query":"warranty"}`)})
				if err != nil {
					answers <- err.Error()
					return
				}
				answers <- text(r)
			}()
			synctest.Wait()
		}
		search(t.Context(), "large")
		search(t.Context(), "small")
		if n := open.Load(); n != 2 {
			t.Fatalf("%d files of 90 MiB in all are read at once", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		search(ctx, "large")
		if n := open.Load(); n != 2 {
			t.Fatalf("%d files of 150 MiB in all are read at once", n)
		}
		cancel() // whoever gives up waiting holds nothing
		if got := <-answers; !strings.Contains(got, "cancel") {
			t.Errorf("a search that was cancelled: %s", got)
		}
		close(free)
		for range 2 {
			if got := <-answers; !strings.Contains(got, "a warranty") {
				t.Errorf("a search: %s", got)
			}
		}
		search(t.Context(), "large")
		if got := <-answers; !strings.Contains(got, "a warranty") {
			t.Errorf("a later search: %s", got)
		}
	})
}
