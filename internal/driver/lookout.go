package driver

import (
	"context"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// How often a process looks for what others wrote in the sessions that it
// follows: where there are others, and where there should be none. In between,
// hints make it look, at most once in lookAgain.
const (
	lookOften  = 3 * time.Second
	lookSeldom = time.Minute
	lookAgain  = 100 * time.Millisecond
)

// lookout asks the store, once for all sessions that are followed, which have
// moved on, and lets their readers look. It works while there are readers.
type lookout struct {
	d *Driver
	// hint asks it to look soon.
	hint chan struct{}

	mu      sync.Mutex
	readers int
	stop    context.CancelFunc
	stopped chan struct{}
}

// enter says that there is one more reader.
func (l *lookout) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers++; l.readers > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	l.stop, l.stopped = stop, stopped
	go func() {
		defer close(stopped)
		l.run(ctx)
	}()
}

// leave says that there is one less, and waits until nothing is asked for the
// last.
func (l *lookout) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers--; l.readers == 0 {
		l.stop()
		<-l.stopped
	}
}

// hinted asks it to look, where others may have written.
func (l *lookout) hinted() {
	if l.d.config.Store.Alone {
		return
	}
	select {
	case l.hint <- struct{}{}:
	default:
	}
}

func (l *lookout) run(ctx context.Context) {
	every := lookOften
	if l.d.config.Store.Alone {
		every = lookSeldom
	}
	for {
		pause(ctx, lookAgain)
		timer := time.NewTimer(every - lookAgain)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-l.hint:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		l.look(ctx)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// look asks once. What fails is asked again the next time.
func (l *lookout) look(ctx context.Context) {
	known, followed := l.d.feeds.followed()
	if len(known) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, l.d.config.TTL/3)
	defer cancel()
	moved, err := l.d.config.Store.Index.Moved(ctx, known)
	if err != nil {
		if ctx.Err() == nil {
			l.d.config.Log.Debug("sessions that are followed could not be looked for", "err", err)
		}
		return
	}
	for _, ref := range moved {
		followed[ref.Session].moved(ref)
	}
}

// followed are the sessions with readers: the last event that is known of each,
// and its feed.
func (f *feeds) followed() (map[string]uint64, map[string]*feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, all := make(map[string]uint64, len(f.all)), make(map[string]*feed, len(f.all))
	for k, one := range f.all {
		one.mu.Lock()
		if one.readers > 0 && !one.gone {
			known[k.session], all[k.session] = one.head, one
		}
		one.mu.Unlock()
	}
	return known, all
}

// poke lets the readers of a session look, if it has any.
func (f *feeds) poke(k key) {
	f.mu.Lock()
	one := f.all[k]
	f.mu.Unlock()
	if one != nil {
		one.changed(func() {})
	}
}

// bury tells the readers of a session that it was deleted.
func (f *feeds) bury(k key) {
	f.mu.Lock()
	one := f.all[k]
	f.mu.Unlock()
	if one != nil {
		one.moved(session.Ref{Session: k.session})
	}
}

// follow opens a session's feed for a reader who knows its journal up to seq.
func (f *feeds) follow(k key, seq uint64) *feed {
	one := f.open(k)
	one.mu.Lock()
	defer one.mu.Unlock()
	one.readers++
	if one.head != seq {
		one.head = max(one.head, seq)
		one.stir() // for readers that were not told
	}
	return one
}

// unfollow closes a reader's feed.
func (f *feeds) unfollow(one *feed) {
	one.mu.Lock()
	one.readers--
	one.mu.Unlock()
	f.close(one)
}

// moved says where the session is now, if it is further on than was known.
func (f *feed) moved(to session.Ref) {
	f.changed(func() { f.head, f.gone = max(f.head, to.Seq), f.gone || to.Seq == 0 })
}

// deleted reports whether the session was.
func (f *feed) deleted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone
}
