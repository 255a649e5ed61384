//go:build unix

package engine_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/engine"
)

// TestForeignKeyIsNoArgument starts a command that notes its arguments and the
// key file's mode, and ends.
func TestForeignKeyIsNoArgument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "server.sh")
	text := `#!/bin/sh
echo "$*" > "` + dir + `/args"
while [ $# -gt 1 ]; do
  if [ "$1" = --api-key-file ]; then ls -l "$2" > "` + dir + `/mode"; cat "$2" > "` + dir + `/key"; echo "$2" > "` + dir + `/path"; fi
  shift
done
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	p := engine.Process{Path: "/bin/sh", Args: []string{script}, Foreign: true, Log: slog.New(slog.DiscardHandler)}
	if _, err := p.Launch(t.Context()); err == nil {
		t.Fatal("a command that ended passes for a server")
	}
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(raw))
	}
	key := read("key")
	if len(key) != 48 || strings.Contains(read("args"), key) {
		t.Errorf("the key %q is among the arguments %q", key, read("args"))
	}
	if mode := read("mode"); !strings.HasPrefix(mode, "-rw-------") {
		t.Errorf("the key's file is %s", mode)
	}
	if _, err := os.Stat(read("path")); !os.IsNotExist(err) {
		t.Errorf("the key's file is left behind: %v", err)
	}
}
