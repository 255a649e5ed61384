package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// BenchmarkAlone is what SQLite itself can do: one goroutine commits rows of
// 1 KB in groups of 64, with the head of a session moved for each, and with the
// index that finds events, and nothing else. Beside the time it reports how many
// pages a commit writes to the log.
func BenchmarkAlone(b *testing.B) {
	b.Run("rows", func(b *testing.B) { alone(b, "", false) })
	b.Run("rows, heads", func(b *testing.B) { alone(b, "", true) })
	b.Run("rows, heads, index", func(b *testing.B) { alone(b, ", PRIMARY KEY (session, seq)", true) })
}

func alone(b *testing.B, key string, heads bool) {
	const group = 64
	path := filepath.Join(b.TempDir(), FileName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := dial(path, append(slices.Concat(pragmas, writerPragmas), "wal_autocheckpoint(0)"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.close() }()
	exec := func(query string, args ...any) {
		if _, err := c.Exec(query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE heads (id TEXT NOT NULL PRIMARY KEY, seq BIGINT, head BLOB)")
	exec("CREATE TABLE rows (session TEXT, seq BIGINT, type TEXT, at BIGINT, digest BLOB, hash BLOB, payload BLOB" + key + ")")
	sum, payload := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte("x"), 1000)
	var ids [group]string
	for i := range ids {
		ids[i] = fmt.Sprintf("ses_%020d", i*7919%group)
		exec("INSERT INTO heads VALUES (?, 0, ?)", ids[i], sum)
	}
	b.ResetTimer()
	commits := 0
	for n := 0; n < b.N; commits++ {
		exec("BEGIN IMMEDIATE")
		for _, id := range ids {
			if heads {
				exec("UPDATE heads SET seq = seq + 1, head = ? WHERE id = ? AND seq = ? AND head = ?", sum, id, commits, sum)
			}
			exec("INSERT INTO rows VALUES (?, ?, 'step', 0, ?, ?, ?)", id, commits, sum, sum, payload)
			n++
		}
		exec("COMMIT")
	}
	b.StopTimer()
	const frame = 4096 + 24
	if info, err := os.Stat(path + "-wal"); err == nil {
		b.ReportMetric(float64(info.Size())/frame/float64(commits), "pages/commit")
	}
}
