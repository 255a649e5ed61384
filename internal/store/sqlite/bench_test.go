package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
)

// BenchmarkAppend measures durable steps: one fenced append of one event of
// 1 KB, acknowledged after its sync, from 1 and from 64 sessions at once.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("c=%d", writers), func(b *testing.B) {
			store := open(b, b.TempDir())
			journal := sessiontest.NewJournal(b, store)
			payload := bytes.Repeat([]byte("x"), 1000)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					head, err := journal.Begin("t1", "bench")
					for err == nil && left.Add(-1) >= 0 {
						head, err = appendInline(b, store, head, payload)
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

// appendInline appends one event with its payload kept in it.
func appendInline(b *testing.B, store session.Store, head session.Session, payload []byte) (session.Session, error) {
	e := session.Event{
		Tenant: head.Tenant, Session: head.ID, Seq: head.Seq + 1, Type: "step", Version: 1,
		At: sessiontest.Now, Payload: payload, Digest: session.Digest(head.Key, "", payload),
	}
	e.Hash = session.Link(head.Head, e)
	if head.Seq == 0 {
		head.CreatedAt = sessiontest.Now
	}
	err := store.Append(b.Context(), session.Batch{Session: head, Events: []session.Event{e}})
	head.Seq, head.Head = e.Seq, e.Hash
	return head, err
}

// BenchmarkRead reads pages of sessions whose events lie among those of many
// others. What comes after the last event but one is what a reader asks for who
// waits for more.
func BenchmarkRead(b *testing.B) {
	const sessions, length = 64, 1000
	store := open(b, b.TempDir())
	journal := sessiontest.NewJournal(b, store)
	payload := bytes.Repeat([]byte("x"), 1000)
	var ids [sessions]string
	var wg sync.WaitGroup
	for i := range ids {
		head, err := journal.Begin("t1", "bench")
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = head.ID
		wg.Go(func() {
			var err error
			for range length {
				if head, err = appendInline(b, store, head, payload); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, want := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("events=%d", want), func(b *testing.B) {
			for i := range b.N {
				readPage(b, store, ids[i%sessions], i*37%(length-want+1), want, want)
			}
		})
	}
	b.Run("newest", func(b *testing.B) {
		for i := range b.N {
			readPage(b, store, ids[i%sessions], length-1, 256, 1)
		}
	})
}

func readPage(b *testing.B, store session.Store, id string, after, limit, want int) {
	page, err := store.Read(b.Context(), "t1", id, uint64(after), limit)
	if err != nil || len(page) != want || page[0].Seq != uint64(after)+1 {
		b.Fatalf("%d of %d events after %d, %v", len(page), want, after, err)
	}
}

// BenchmarkRawLog is the limit to compare with: the same payload appended to a
// plain file, with one sync for everything that waits.
func BenchmarkRawLog(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("c=%d", writers), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			queue := make(chan chan error, writers)
			go writeLog(f, bytes.Repeat([]byte("x"), 1000), queue)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					done := make(chan error, 1)
					for left.Add(-1) >= 0 {
						queue <- done
						if err := <-done; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			close(queue)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

// writeLog writes the payload once for each request and answers after a sync.
func writeLog(f *os.File, payload []byte, queue chan chan error) {
	var group []chan error
	for first := range queue {
		group = append(group[:0], first)
		for waiting := len(queue); waiting > 0; waiting-- {
			group = append(group, <-queue)
		}
		_, err := f.Write(bytes.Repeat(payload, len(group)))
		if err == nil {
			err = f.Sync()
		}
		for _, done := range group {
			done <- err
		}
	}
}
