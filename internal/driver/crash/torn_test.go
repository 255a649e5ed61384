//go:build unix

package crash

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// sector is what a disk writes whole.
const sector = 512

// moment is a database and its log when an append was acknowledged, with the
// heads of the sessions that were.
type moment struct {
	db, wal []byte
	heads   map[string]session.Session
}

// witness is a store that keeps its files at each acknowledged append.
type witness struct {
	*sqlite.Store
	dir string

	mu      sync.Mutex
	heads   map[string]session.Session
	moments []moment
	err     error
}

func (w *witness) Append(ctx context.Context, b session.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.Store.Append(ctx, b); err != nil {
		return err
	}
	head, last := b.Session, b.Events[len(b.Events)-1]
	head.Seq, head.Head = last.Seq, last.Hash
	w.heads[head.ID] = head
	db, err := os.ReadFile(filepath.Join(w.dir, sqlite.FileName))
	if err == nil {
		var wal []byte
		wal, err = os.ReadFile(filepath.Join(w.dir, sqlite.FileName+"-wal"))
		w.moments = append(w.moments, moment{db, wal, maps.Clone(w.heads)})
	}
	w.err = err
	return nil
}

// tear is what a loss of power may leave of writing after over before: of each
// sector that differs the old content, the new, or neither, and any length.
func tear(random *rand.Rand, before, after []byte) []byte {
	size := len(before)
	if len(after) > size {
		size += random.IntN(len(after) - size + 1)
	}
	torn := make([]byte, size)
	copy(torn, before)
	for at := 0; at < size; at += sector {
		kind := random.IntN(3)
		for i := at; i < min(at+sector, size, len(after)); i++ {
			switch {
			case i < len(before) && before[i] == after[i]:
			case kind == 0:
				torn[i] = after[i]
			case kind == 1:
				torn[i] = byte(random.Uint32())
			}
		}
	}
	return torn
}

// TestCrashTornWrites tears what was written after each acknowledged append of
// sessions at work: the copies open with everything acknowledged, fold, and the
// sessions in them come to their end.
func TestCrashTornWrites(t *testing.T) {
	t.Parallel()
	w := &witness{dir: t.TempDir(), heads: map[string]session.Session{}}
	var err error
	if w.Store, err = sqlite.Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	ledger := drivertest.NewLedger()
	finishAll(t, w, "torn", ledger, func(s *driver.Sessions) {
		for n := range 3 {
			if _, err := s.Create(t.Context(), driver.Creation{Tenant: tenant, Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
				Input: []model.Message{model.UserText(fmt.Sprintf("plan keyed unsafe sub idempotent wait read; %d", n))}}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err := w.Store.Close(); err != nil || w.err != nil {
		t.Fatal(err, w.err)
	}
	random := rand.New(rand.NewPCG(9, 10))
	copies := 0
	for i := 1; i < len(w.moments); i++ {
		before, after := w.moments[i-1], w.moments[i]
		if !bytes.Equal(before.db, after.db) {
			continue // the log was copied into the database: see package sqlite
		}
		copies++
		reopen(t, moment{before.db, tear(random, before.wal, after.wal), before.heads}, i%16 == 7, ledger)
	}
	if copies < 20 {
		t.Errorf("%d copies of %d appends: too few to tell", copies, len(w.moments))
	}
	t.Logf("%d torn copies", copies)
}

// finishAll drives a store's sessions until all are idle.
func finishAll(t *testing.T, store stores, node string, ledger *drivertest.Ledger, begin func(*driver.Sessions)) {
	t.Helper()
	config, err := configure(node, store, &fatal{})
	if err != nil {
		t.Fatal(err)
	}
	config.Tools, config.Log = ledger, slog.New(slog.DiscardHandler)
	d, err := driver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if begin != nil {
		begin(d.Sessions())
	}
	for deadline := time.Now().Add(patience); ; {
		idle := settleAll(t, d.Sessions())
		if idle {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the sessions have not come to their end")
		}
		_ = pass(ctx, 20*time.Millisecond)
	}
}

// settleAll decides what sessions ask for, and reports whether all are idle.
func settleAll(t *testing.T, s *driver.Sessions) bool {
	t.Helper()
	views, err := s.List(t.Context(), driver.Query{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	idle := true
	for _, v := range views {
		idle = idle && v.Status() == agent.Idle && len(v.Runs) == 0
		for _, a := range v.Actions() {
			err := s.Send(t.Context(), driver.Input{Tenant: tenant, Session: v.State.Session,
				Bodies: []agent.Body{&agent.Decision{Request: a.Call.Request, Decision: "deny", By: "key_1"}}})
			if err != nil && model.AsError(err).Kind != model.Conflict {
				t.Fatal(err)
			}
		}
	}
	return idle
}

// reopen opens torn files and looks for what was acknowledged; goOn lets the
// sessions come to their end.
func reopen(t *testing.T, torn moment, goOn bool, ledger *drivertest.Ledger) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{sqlite.FileName: torn.db, sqlite.FileName + "-wal": torn.wal} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	config, err := configure("observer", store, &fatal{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := driver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for id, acknowledged := range torn.heads {
		head, err := store.Head(t.Context(), tenant, id)
		if err != nil || head.Seq < acknowledged.Seq {
			t.Fatalf("event %d of %s was acknowledged, the head is %d, %v", acknowledged.Seq, id, head.Seq, err)
		}
		events, err := store.Read(t.Context(), tenant, id, 0, 0)
		if err != nil || uint64(len(events)) != head.Seq || events[acknowledged.Seq-1].Hash != acknowledged.Head {
			t.Fatalf("of %d events of %s %d are there, %v", head.Seq, id, len(events), err)
		}
		if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Sessions().Replay(t.Context(), tenant, id); err != nil {
			t.Fatal(err)
		}
	}
	if goOn {
		finishAll(t, store, fmt.Sprint("after ", len(torn.wal)), ledger, nil)
	}
}
