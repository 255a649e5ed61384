package driver

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// feedEvents is how many of the last events a feed holds at least, unless they
// are more than eventBytes; feedBytes is how much of what was said under intents
// that are over.
const (
	feedEvents = 256
	eventBytes = 1 << 20
	feedBytes  = 64 << 10
)

// feeds hold what sessions of this process are telling, for readers in the
// same process: whoever else reads asks the store.
type feeds struct {
	mu  sync.Mutex
	all map[key]*feed
}

func newFeeds() *feeds { return &feeds{all: map[key]*feed{}} }

// feed is one session's. It lives while an owner or a reader has it open.
type feed struct {
	key   key
	users int // guarded by feeds.mu

	mu      sync.Mutex
	owners  int                 // whoever feeds it; without one it holds nothing
	readers int                 // whoever follows it
	head    uint64              // the last event that is known of
	gone    bool                // whether the session was deleted
	events  []*fed              // the last ones, without gaps
	weight  int                 // of their payloads, in bytes
	deltas  map[uint64][]spoken // of intents under way, and some of before
	over    []uint64            // those of before
	size    int                 // of theirs, in bytes
	change  chan struct{}       // closed and replaced with each change
}

// fed is an event, and what it says: nobody changes either.
type fed struct {
	session.Event
	read agent.Event
}

// spoken is the n-th delta of an intent.
type spoken struct {
	n uint32
	agent.Delta
}

// open returns the session's feed, which the caller closes.
func (f *feeds) open(k key) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.all[k]
	if one == nil {
		one = &feed{key: k, deltas: map[uint64][]spoken{}, change: make(chan struct{})}
		f.all[k] = one
	}
	one.users++
	return one
}

// own is open for the session's owner, who feeds it and gives it up with disown.
func (f *feeds) own(k key) *feed {
	one := f.open(k)
	one.changed(func() { one.owners++ })
	return one
}

// disown closes an owner's feed. Without owner it holds nothing: others may
// append now, and readers ask the store.
func (f *feeds) disown(one *feed) {
	one.changed(func() {
		if one.owners--; one.owners == 0 {
			one.events, one.weight, one.over, one.size = nil, 0, nil, 0
			clear(one.deltas)
		}
	})
	f.close(one)
}

func (f *feeds) close(one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(f.all, one.key)
	}
}

func (f *feed) changed(update func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	update()
	f.stir()
}

// stir wakes readers. f.mu is held.
func (f *feed) stir() {
	close(f.change)
	f.change = make(chan struct{})
}

// reset forgets events, for an owner that folded the journal anew.
func (f *feed) reset() {
	f.changed(func() { f.events, f.weight = nil, 0 })
}

// append adds events that are durable.
func (f *feed) append(events []*fed) {
	if len(events) == 0 {
		return
	}
	f.changed(func() {
		f.head = max(f.head, events[len(events)-1].Seq)
		if n := len(f.events); n > 0 && f.events[n-1].Seq+1 != events[0].Seq {
			f.events, f.weight = nil, 0
		}
		f.events = append(f.events, events...)
		for _, e := range events {
			f.weight += len(e.Payload)
		}
		f.trim()
	})
}

// trim drops the oldest events of a feed that holds too many, or too large ones:
// half of them, so that it is not done with each append. f.mu is held.
func (f *feed) trim() {
	n, most := 0, f.weight
	if len(f.events) > 2*feedEvents {
		n = len(f.events) - feedEvents
	}
	if f.weight > eventBytes {
		most = eventBytes / 2
	}
	drop, weight := 0, f.weight
	for drop < n || weight > most && drop < len(f.events)-1 {
		weight -= len(f.events[drop].Payload)
		drop++
	}
	if drop > 0 {
		f.events, f.weight = slices.Clone(f.events[drop:]), weight
	}
}

// begin says that an intent is begun here: all its deltas will be told here.
func (f *feed) begin(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deltas[seq] = []spoken{}
}

// delta adds a delta of an intent under way.
func (f *feed) delta(seq uint64, d spoken) {
	f.changed(func() { f.deltas[seq] = append(f.deltas[seq], d) })
}

// forget says that an intent is over, and its deltas in the store. Readers that
// are behind find them here for a while.
func (f *feed) forget(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = append(f.over, seq)
	f.size += weigh(f.deltas[seq])
	for f.size > feedBytes || len(f.over) > feedEvents {
		f.size -= weigh(f.deltas[f.over[0]])
		delete(f.deltas, f.over[0])
		f.over = f.over[1:]
	}
}

// weigh is about how many bytes deltas take up.
func weigh(deltas []spoken) int {
	size := 0
	for i := range deltas {
		size += deltaWeight + len(deltas[i].Text) + len(deltas[i].Call) + len(deltas[i].Name)
	}
	return size
}

// deltaWeight is what a delta takes besides its text.
const deltaWeight = int(unsafe.Sizeof(spoken{}))

// after returns the events after seq; ok is false if the feed does not reach
// back so far.
func (f *feed) after(seq uint64) (events []*fed, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.events)
	if n == 0 || f.events[0].Seq > seq+1 || f.events[n-1].Seq < seq {
		return nil, false
	}
	return slices.Clone(f.events[seq+1-f.events[0].Seq:]), true
}

// said returns the deltas of an intent after the n-th; ok is false if they are
// to be read from the store.
func (f *feed) said(seq uint64, n uint32) (deltas []spoken, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, begun := f.deltas[seq]
	if !begun || int(n) > len(all) || len(all) > 0 && all[0].n != 1 {
		return nil, false
	}
	return slices.Clone(all[n:]), true
}

// owned reports whether whatever happens is told here.
func (f *feed) owned() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owners > 0
}

// watch returns a channel that is closed at the next change.
func (f *feed) watch() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.change
}
