//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCopyOfWhatChanges copies a directory in which a file is being written,
// another has gone, and one was copied before.
func TestCopyOfWhatChanges(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(from, "ab/abc", "whole")
	write(from, "ab/abd.part", "hal")
	write(from, "cd/cde", "new")
	write(to, "cd/cde", "old")
	if err := os.Symlink(filepath.Join(from, "nowhere"), filepath.Join(from, "ab/gone")); err != nil {
		t.Fatal(err) // looks like a file that goes between being listed and being read
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ab/abc": "whole", "cd/cde": "old", "ab/abd.part": "", "ab/gone": ""} {
		if raw, _ := os.ReadFile(filepath.Join(to, name)); string(raw) != want {
			t.Errorf("%s is %q, want %q", name, raw, want)
		}
	}
	if err := copyTree(filepath.Join(from, "nowhere"), to); err != nil {
		t.Errorf("a directory that is not there: %v", err)
	}
}
