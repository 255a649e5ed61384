package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	t.Parallel()
	doc, failed := render([]outcome{
		{SDK: "zeta", Version: "2", Case: "text", OK: true},
		{SDK: "alpha (Go)", Version: "1", Case: "text", OK: true},
		{SDK: "alpha (Go)", Version: "1", Case: "text", OK: false},
		{SDK: "alpha (Go)", Version: "1", Case: "streaming", OK: true, NA: "it cannot"},
		{SDK: "zeta", Version: "2", Case: "a chain survives a kill", OK: true},
	})
	if want := "alpha (Go): text"; len(failed) != 1 || failed[0] != want {
		t.Errorf("failed = %q, want only %q", failed, want)
	}
	for _, want := range []string{
		"| A | alpha (Go) | 1 |\n| B | zeta | 2 |\n",
		"| text | ✗ | ✓ |\n",
		"| streaming | – |  |\n",
		"### A: alpha (Go)\n\n- – streaming: it cannot\n",
		"### B: zeta\n\n- ✓ a chain survives a kill\n",
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("the document lacks %q:\n%s", want, doc)
		}
	}
}

func TestReadRefusesALineWithoutACase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(file, []byte("{\"sdk\":\"a\",\"version\":\"1\",\"case\":\"text\",\"ok\":true}\n{\"sdk\":\"a\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read([]string{file}); err == nil || !strings.Contains(err.Error(), "x.jsonl:2:") {
		t.Errorf("read = %v, want an error that names line 2", err)
	}
}
