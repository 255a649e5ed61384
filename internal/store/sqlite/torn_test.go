package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// sector is what a disk writes whole.
const sector = 512

// files are a database and its log at one moment.
type files struct{ db, wal []byte }

func readFiles(t *testing.T, dir string) files {
	t.Helper()
	db, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(filepath.Join(dir, FileName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return files{db, wal}
}

// tear is what a loss of power may leave of writing after over before: of each
// sector that differs the old content, the new, or neither; and any length.
// Bytes that the write did not change stay, also beside some that it did, which
// SQLite counts on too (https://www.sqlite.org/psow.html).
func tear(random *rand.Rand, before, after []byte) []byte {
	size := len(before)
	if len(after) > size {
		size += random.IntN(len(after) - size + 1)
	}
	torn := make([]byte, size)
	copy(torn, before)
	for at := 0; at < size; at += sector {
		kind := random.IntN(3)
		for i := at; i < min(at+sector, size); i++ {
			switch written := i < len(after); {
			case written && i < len(before) && before[i] == after[i]:
			case kind == 0 && written:
				torn[i] = after[i]
			case kind == 1:
				torn[i] = byte(random.Uint32())
			}
		}
	}
	return torn
}

// TestTornWrites cuts and corrupts copies of the database and its log beyond
// each acknowledged sync point: they must open with everything acknowledged.
// What kill -9 never leaves behind, a loss of power may.
func TestTornWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	// So that copying the log into the database is torn, too.
	pragma(t, s, "PRAGMA wal_autocheckpoint = 12")
	random := rand.New(rand.NewPCG(3, 4))
	journal := sessiontest.NewJournal(t, s)
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	checkpoints := 0
	var before files
	for i := range 24 {
		acknowledged := head
		if head, err = journal.Append(t.Context(), head, session.Draft{
			Type: "said", Version: 1, Label: fmt.Sprint(i), Payload: []byte(strings.Repeat(fmt.Sprint(i), 1+random.IntN(4000))),
		}); err != nil {
			t.Fatal(err)
		}
		after := readFiles(t, dir)
		if i > 0 {
			for range 3 {
				reopen(t, files{before.db, tear(random, before.wal, after.wal)}, acknowledged)
			}
			if !bytes.Equal(before.db, after.db) {
				checkpoints++
				// The log was synced before the database was touched.
				for range 3 {
					reopen(t, files{tear(random, before.db, after.db), after.wal}, head)
				}
			}
		}
		before = after
	}
	if checkpoints < 3 {
		t.Errorf("the log was copied into the database %d times: too seldom to test it", checkpoints)
	}
}

// TestCommitsAreSynced reads back what makes acknowledged durable: tearing
// files shows what was written, not what was synced.
func TestCommitsAreSynced(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if mode, level := pragma(t, s, "PRAGMA journal_mode"), pragma(t, s, "PRAGMA synchronous"); mode != "wal" || level != "2" {
		t.Errorf("journal_mode is %s and synchronous %s, want wal and 2 (FULL)", mode, level)
	}
	// SQLite answers when a text is compiled, so that each is another one.
	for i, loose := range []bool{true, false, true, false} {
		text, want := "PRAGMA synchronous"+strings.Repeat(" ", i+1), "2"
		if loose {
			want = "1"
		}
		if level := pragmaIn(t, s, sqlstore.Scope{Loose: loose}, text); level != want {
			t.Errorf("synchronous is %s where a write is loose: %t", level, loose)
		}
	}
}

// pragma runs one on the writer's connection and returns its answer.
func pragma(t *testing.T, s *Store, text string) (value string) {
	t.Helper()
	return pragmaIn(t, s, sqlstore.Scope{}, text)
}

func pragmaIn(t *testing.T, s *Store, scope sqlstore.Scope, text string) (value string) {
	t.Helper()
	err := s.write.Write(context.Background(), scope, func(tx sqlstore.Tx) error {
		rows, err := tx.Query(text)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := rows.Scan(&value); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// reopen opens torn files and looks for what was acknowledged.
func reopen(t *testing.T, torn files, acknowledged session.Session) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{FileName: torn.db, FileName + "-wal": torn.wal} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatalf("after event %d: %v", acknowledged.Seq, err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	head, err := s.Head(t.Context(), "t1", acknowledged.ID)
	if err != nil || head.Seq < acknowledged.Seq || head.Seq > acknowledged.Seq+1 {
		t.Fatalf("event %d was acknowledged, the head is %+v, %v", acknowledged.Seq, head, err)
	}
	events, err := s.Read(t.Context(), "t1", head.ID, 0, 0)
	if err != nil || uint64(len(events)) != head.Seq || events[acknowledged.Seq-1].Hash != acknowledged.Head {
		t.Fatalf("of %d events %d are there, %v", head.Seq, len(events), err)
	}
	if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
		t.Fatal(err)
	}
}
