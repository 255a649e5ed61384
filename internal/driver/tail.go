package driver

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// How often a reader looks for what another process writes: while an answer is
// under way there, and for a moment after anything was told, less and less often.
// Then it waits until it is told to look; see [lookout].
const (
	lookBusy = 40 * time.Millisecond
	lookIdle = 200 * time.Millisecond
)

// Told is one thing a reader is told.
type Told struct {
	agent.Signal
	// ID names it; a reader that resumes with it is told what follows.
	ID string
	// State is the session as it was then. It is the tail's: it is read before
	// the next one is asked for.
	State *agent.State
}

// Tail tells a reader what happens in a session, in order and once. It is not
// safe for concurrent use, and is closed by whoever opened it.
type Tail struct {
	d      *Driver
	key    key
	feed   *feed
	p      *agent.Projector
	cursor Cursor
	queue  []queued // told is how much of it was
	told   int
	// behind are answers of which more was told than the store has.
	behind map[uint64]bool
	// looked is the change to wait for, having found nothing; nil to look first.
	looked <-chan struct{}
	// quiet is how long to wait before looking again.
	quiet time.Duration
	// skip is how many signals of the next event were told already.
	skip uint32
	// ahead are events that were read; the first may have been told since.
	ahead []*fed
	// idle is called before waiting, if not nil.
	idle func() error
	// silence is how long Next waits at most, and ends when it has; again is
	// when to look though nothing changed. Both timers serve every wait.
	silence     time.Duration
	ends, again *time.Timer
	// waiting says that this Next has begun to wait.
	waiting bool
}

// queued is a signal with the cursor after it.
type queued struct {
	signal agent.Signal
	id     string
}

// Tail reads a session from after on, the id of something told; empty begins
// with whatever happens next, and [FromStart] with the session's creation. A
// malformed id is [session.ErrInvalid].
func (s *Sessions) Tail(ctx context.Context, tenant, id, after string) (*Tail, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	t := &Tail{d: s.driver, key: key{tenant, id}, cursor: Cursor{Said: map[uint64]uint32{}}, behind: map[uint64]bool{},
		ends: stoppedTimer(), again: stoppedTimer()}
	// The feed is opened before the journal is read, so that nothing is missed.
	t.feed = s.driver.feeds.follow(t.key, head.Seq)
	s.driver.lookout.enter()
	if err := t.begin(ctx, head, after); err != nil {
		t.Close()
		return nil, hide(err, id)
	}
	return t, nil
}

// FromStart is where a tail begins that tells everything.
const FromStart = "0"

func (t *Tail) begin(ctx context.Context, head session.Session, after string) error {
	from := head.Seq
	switch after {
	case "":
		t.cursor.Journal = session.EventID{Seq: from, N: Wholly}
	case FromStart:
		from = 0
	default:
		cursor, err := ParseCursor(after)
		if err != nil {
			return err
		}
		if cursor.Journal.Seq > head.Seq {
			return session.Fault(session.ErrInvalid, after, "The session has no event %d.", cursor.Journal.Seq)
		}
		t.cursor = cursor
		if from = cursor.Journal.Seq; cursor.Journal.N != Wholly {
			// The last event may have been told in part: it is folded again.
			from, t.skip = from-1, cursor.Journal.N
		}
	}
	state, _, err := t.d.fold(ctx, head, from)
	if err != nil {
		return err
	}
	t.p = agent.NewProjector(state)
	if after == "" {
		return t.join(ctx)
	}
	return t.recall(ctx)
}

// join begins in the middle of answers: what was said of them so far counts as
// told.
func (t *Tail) join(ctx context.Context) error {
	for _, run := range t.p.State.Runs {
		if run.Kind != agent.RunModel {
			continue
		}
		deltas, err := t.read(ctx, run.Seq, 0)
		if err != nil {
			return err
		}
		for _, one := range deltas {
			t.p.Delta(run.Seq, one.Delta)
			t.cursor.Said[run.Seq] = one.n
		}
	}
	return nil
}

// recall folds what was told of answers under way before the reader resumed.
func (t *Tail) recall(ctx context.Context) error {
	for seq := range t.cursor.Said {
		if t.p.State.Run(seq) == nil {
			continue
		}
		t.behind[seq] = true
		if err := t.remember(ctx, seq); err != nil {
			return err
		}
	}
	return nil
}

// remember folds what was told of one answer. Its owner may have told it a
// moment before the store has it: then the reader stays behind for that long.
func (t *Tail) remember(ctx context.Context, seq uint64) error {
	deltas, err := t.read(ctx, seq, 0)
	n := t.cursor.Said[seq]
	if err != nil || len(deltas) == 0 || deltas[len(deltas)-1].n < n {
		return err
	}
	delete(t.behind, seq)
	if deltas[0].n != 1 {
		t.p.Blind(seq) // the first have expired
	}
	for _, one := range deltas {
		if one.n <= n {
			t.p.Delta(seq, one.Delta)
		}
	}
	return nil
}

// read returns the deltas of an intent after the n-th, from this process or
// from the store.
func (t *Tail) read(ctx context.Context, seq uint64, n uint32) ([]spoken, error) {
	if deltas, ok := t.feed.said(seq, n); ok {
		return deltas, nil
	}
	stored, err := t.d.deltas(ctx, t.key, seq, n)
	if err != nil {
		return nil, err
	}
	deltas := make([]spoken, len(stored))
	for i, one := range stored {
		if deltas[i].n = one.ID.N; json.Unmarshal(one.Data, &deltas[i].Delta) != nil {
			deltas[i].Delta = agent.Delta{Item: -1} // tells nothing
		}
	}
	return deltas, nil
}

// Next waits for the next thing to tell. It ends with the context's error, or
// with [session.ErrNotFound] once the session is deleted.
func (t *Tail) Next(ctx context.Context) (Told, error) {
	for {
		if t.Pending() {
			next := t.queue[t.told]
			t.told, t.waiting = t.told+1, false
			return Told{Signal: next.signal, ID: next.id, State: t.p.State}, nil
		}
		t.emptied()
		if t.looked == nil {
			change := t.feed.watch()
			found, err := t.look(ctx)
			if err != nil {
				return Told{}, hide(err, t.key.session)
			}
			if found {
				t.quiet = 0
				continue
			}
			t.looked = change
		}
		if t.idle != nil {
			if err := t.idle(); err != nil {
				return Told{}, err
			}
		}
		if err := t.wait(ctx, t.looked); err != nil {
			return Told{}, err
		}
		t.looked = nil
	}
}

// OnIdle makes Next call f before it waits, having told all there is to tell:
// what a reader holds back until then goes out. An error of f ends Next.
func (t *Tail) OnIdle(f func() error) { t.idle = f }

// ErrQuiet is what Next answers when nothing came for as long as was said with
// [Tail.Within]. Next may be called again.
var ErrQuiet = errors.New("driver: nothing came for a while")

// Within makes Next wait for so long at most.
func (t *Tail) Within(d time.Duration) { t.silence = d }

// stoppedTimer is a timer to be set for one wait after the other.
func stoppedTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// Pending reports whether the next call of Next would return without waiting,
// as far as it is known without looking.
func (t *Tail) Pending() bool { return t.told < len(t.queue) }

// emptied makes room for what is told next.
func (t *Tail) emptied() {
	clear(t.queue) // nothing that was told is held
	if t.queue, t.told = t.queue[:0], 0; cap(t.queue) > queueRoom {
		t.queue = nil
	}
}

// queueRoom is for how many signals a reader keeps room.
const queueRoom = 64

func (t *Tail) wait(ctx context.Context, change <-chan struct{}) error {
	if t.silence > 0 && !t.waiting {
		t.waiting = true
		t.ends.Reset(t.silence)
	}
	var again <-chan time.Time
	if wait := t.patience(); wait > 0 {
		t.again.Reset(wait)
		defer t.again.Stop()
		again = t.again.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.ends.C:
		t.waiting = false
		return ErrQuiet
	case <-change:
	case <-again:
	}
	return nil
}

// patience is how long to wait before looking without being told to; 0 for ever.
func (t *Tail) patience() time.Duration {
	t.quiet = max(2*t.quiet, lookIdle)
	switch {
	case len(t.p.State.Runs) > 0:
		t.quiet = 0
		if len(t.behind) == 0 && t.feed.owned() {
			return lookOften // the feed tells of whatever happens, and that it ends
		}
		return lookBusy
	case t.d.config.Store.Alone || t.quiet >= lookOften:
		t.quiet = lookOften
		return 0
	}
	return t.quiet
}

// look reads on: the next event of the journal with what was said before it,
// or what is being said.
func (t *Tail) look(ctx context.Context) (found bool, err error) {
	if t.feed.deleted() {
		return false, unknown(t.key.session)
	}
	events, err := t.upcoming(ctx)
	if err != nil {
		return false, err
	}
	if len(events) > 0 {
		return true, t.tell(ctx, events[0])
	}
	for _, run := range t.p.State.Runs {
		if run.Kind != agent.RunModel {
			continue
		}
		said, err := t.hear(ctx, run.Seq)
		if err != nil {
			return false, err
		}
		found = found || said
	}
	return found, nil
}

// upcoming are the events that were not told yet, as far as they were read.
func (t *Tail) upcoming(ctx context.Context) (events []*fed, err error) {
	state := t.p.State
	if state.Session != t.key.session {
		// A fork that has not told of its own beginning.
		return t.stored(ctx, 0)
	}
	for len(t.ahead) > 0 && t.ahead[0].Seq <= state.Seq {
		t.ahead = t.ahead[1:]
	}
	if len(t.ahead) > 0 {
		return t.ahead, nil
	}
	events, ok := t.feed.after(state.Seq)
	// An event that was told in part is in the store, whatever the feed has.
	if !ok || t.skip > 0 {
		events, err = t.stored(ctx, state.Seq)
	}
	t.ahead = events
	return events, err
}

// readAhead is how many events a reader takes at once.
const readAhead = 64

// stored are the events after one, from the store: what they say is read once
// it is told.
func (t *Tail) stored(ctx context.Context, after uint64) ([]*fed, error) {
	events, err := t.d.config.Store.Journals.Read(ctx, t.key.tenant, t.key.session, after, readAhead)
	if err != nil {
		return nil, err
	}
	unread := make([]*fed, len(events))
	for i, e := range events {
		unread[i] = &fed{Event: e}
	}
	return unread, nil
}

// hear queues what was said since.
func (t *Tail) hear(ctx context.Context, seq uint64) (bool, error) {
	if t.behind[seq] {
		if err := t.remember(ctx, seq); err != nil || t.behind[seq] {
			return false, err
		}
	}
	deltas, err := t.read(ctx, seq, t.cursor.Said[seq])
	if err != nil {
		return false, err
	}
	for _, one := range deltas {
		t.cursor.Said[seq] = one.n
		if signal := t.p.Delta(seq, one.Delta); signal != nil {
			t.queue = append(t.queue, queued{*signal, t.cursor.ID(seq)})
		}
	}
	return len(deltas) > 0, nil
}

// tell queues an event of the journal, after what was said under the intent
// that it ends.
func (t *Tail) tell(ctx context.Context, e *fed) error {
	read := e.read
	if read.Body == nil {
		var err error
		if read, err = t.d.codec.Read(e.Event); err != nil {
			return err
		}
	}
	intent := agent.IntentOf(read.Body)
	if run := t.p.State.Run(intent); run != nil && run.Kind == agent.RunModel && t.skip > 0 {
		// The event was told in part, so what was said before it was told whole.
		deltas, err := t.read(ctx, intent, 0)
		if err != nil {
			return err
		}
		for _, one := range deltas {
			t.p.Delta(intent, one.Delta)
		}
		if len(deltas) == 0 {
			t.p.Blind(intent)
		}
	} else if run != nil && run.Kind == agent.RunModel {
		said, err := t.hear(ctx, intent)
		if err != nil {
			return err
		}
		if said && t.Pending() {
			return nil // these first; the event is read again
		}
		if t.behind[intent] {
			t.p.Blind(intent) // what was told is lost with its owner
			delete(t.behind, intent)
		}
	}
	signals, err := t.p.Next(read)
	if err != nil {
		return err
	}
	delete(t.cursor.Said, intent)
	t.cursor.Journal = session.EventID{Seq: e.Seq}
	for i, signal := range signals {
		t.cursor.Journal.N = uint32(i) + 1
		if t.skip > 0 {
			t.skip--
			continue
		}
		t.queue = append(t.queue, queued{signal, t.cursor.ID(0)})
	}
	t.skip = 0
	return nil
}

// Close ends the reading.
func (t *Tail) Close() {
	if t.feed != nil {
		t.d.feeds.unfollow(t.feed)
		t.d.lookout.leave()
		t.ends.Stop()
		t.again.Stop()
		t.feed = nil
	}
}
