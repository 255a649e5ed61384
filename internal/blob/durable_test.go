package blob_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
)

// TestNewDirectoriesAreDurable: a file is no safer than the entry of the
// directory it lies in, which a later write must not take for safe either.
func TestNewDirectoriesAreDurable(t *testing.T) {
	t.Parallel()
	dir, err := blob.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	var synced []string
	broken := errors.New("the disk is broken")
	dir.Watch(func(name string) error {
		if synced = append(synced, name); len(synced) == 1 {
			return broken
		}
		return nil
	})
	write := func(ref string) error {
		_, err := dir.Write(t.Context(), ref, strings.NewReader("x"))
		return err
	}
	if err := write("aa-00001"); !errors.Is(err, broken) {
		t.Errorf("a directory that may be lost was written to: %v", err)
	}
	for _, ref := range []string{"aa-00001", "aa-00002", "bb-00001"} {
		if err := write(ref); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{".", ".", "aa", "aa", ".", "bb"}; !slices.Equal(synced, want) {
		t.Errorf("made durable were %q, want %q", synced, want)
	}
}
