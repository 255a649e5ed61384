package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

// FlushWithin is how long a delta may wait before it is in the buffer: what a
// reader has seen and a crash loses is at most as old.
const FlushWithin = 50 * time.Millisecond

// flushBytes is how much may wait; more is written at once.
const flushBytes = 1 << 20

// Stream numbers the deltas of one attempt and puts them into a [Buffer], many
// at a time. Its owner closes it before it appends the outcome to the journal,
// or appends its [Stream.Rest] with the outcome, so that no reader finds the
// outcome before the stream's end.
//
// It is safe for concurrent use. Every stream must be closed.
type Stream struct {
	buffer Buffer
	seq    uint64
	try    uint32
	ctx    context.Context // of writing; ends with the stream
	cancel context.CancelFunc

	writing chan struct{} // holds one while somebody writes to the buffer

	mu      sync.Mutex // guards what follows
	next    Deltas     // what waits
	size    int
	n       uint32
	timer   *time.Timer // runs while something waits
	flushes sync.WaitGroup
	err     error
}

// NewStream returns a stream for an attempt, from 1, at event seq of the
// session, whose owner's head is given. Deltas stay readable for ttl. The
// context bounds writing to the buffer, not the stream.
func NewStream(ctx context.Context, buffer Buffer, head Session, seq uint64, attempt uint32, ttl time.Duration) *Stream {
	s := &Stream{buffer: buffer, seq: seq, try: attempt, writing: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.next = Deltas{Tenant: head.Tenant, Session: head.ID, Epoch: head.Epoch, TTL: ttl}
	return s
}

// Add takes a delta, which the stream then owns, and returns its id, to be sent
// to live readers at once. It answers the error of an earlier write, above all
// [ErrFenced]: the owner stops, and sends no more.
func (s *Stream) Add(data []byte) (EventID, error) {
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return EventID{}, s.err
	}
	s.n++
	id := EventID{Seq: s.seq, Attempt: s.try, N: s.n}
	s.next.Deltas = append(s.next.Deltas, Delta{ID: id, Data: data})
	s.size += len(data)
	full := s.size >= flushBytes || len(s.next.Deltas) == MaxDeltas
	if len(s.next.Deltas) == 1 {
		s.flushes.Add(1)
		// Half the time is the write's.
		s.timer = time.AfterFunc(FlushWithin/2, func() {
			defer s.flushes.Done()
			s.flush()
		})
	}
	s.mu.Unlock()
	if full {
		s.flush()
	}
	return id, nil
}

// flush writes what waits.
func (s *Stream) flush() {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	batch, err := s.take()
	if err != nil || len(batch.Deltas) == 0 {
		return
	}
	if err := s.write(batch); err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
}

// take returns what waits, which then does so no longer, or the error of an
// earlier write. The caller has the right to write.
func (s *Stream) take() (Deltas, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.next
	s.next.Deltas, s.size = nil, 0
	if s.timer != nil && s.timer.Stop() {
		s.flushes.Done() // it will not run
	}
	s.timer = nil
	return batch, s.err
}

// How often, and for how long, a write is tried that the store did not answer:
// readers were told these deltas, and the answer may well be recorded once the
// store is back.
const (
	writeAgain   = 200 * time.Millisecond
	writeAtLeast = 15 * time.Second
)

// write adds the deltas to the buffer. If it is not known whether an earlier
// try did, those that are there are left out.
func (s *Stream) write(batch Deltas) error {
	var waited time.Duration
	for {
		err := s.buffer.AppendDeltas(s.ctx, batch)
		refused := errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrErased) ||
			errors.Is(err, ErrInvalid) && waited == 0
		if err == nil || refused || waited >= writeAtLeast {
			return err
		}
		timer := time.NewTimer(writeAgain)
		select {
		case <-timer.C:
			waited += writeAgain
		case <-s.ctx.Done():
			timer.Stop()
			return err
		}
		first := batch.Deltas[0].ID
		first.N--
		there, failed := s.buffer.ReadDeltas(s.ctx, batch.Tenant, batch.Session, first, len(batch.Deltas))
		if failed != nil {
			continue
		}
		for len(there) > 0 && len(batch.Deltas) > 0 && there[0].ID == batch.Deltas[0].ID {
			there, batch.Deltas = there[1:], batch.Deltas[1:]
		}
		if len(batch.Deltas) == 0 {
			return nil
		}
	}
}

// Close writes what waits and returns the first error of any write. No delta
// may be added any more. Closing twice is no error. A store
// that does not answer is waited for, for some seconds.
func (s *Stream) Close() error {
	s.flush()
	s.flushes.Wait()
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Rest is [Stream.Close], except that what waits is not written but returned,
// in order: the caller appends it with the outcome ([Batch.Deltas]) or, if there
// is to be none, with [Buffer.AppendDeltas]. After an error there is no rest.
func (s *Stream) Rest() ([]Delta, error) {
	s.writing <- struct{}{}
	rest, err := s.take()
	<-s.writing
	if closed := s.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return rest.Deltas, nil
}
