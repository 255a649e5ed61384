package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/engine/llama"
)

var (
	errQueueFull = errors.New("the queue is full")
	errStopped   = errors.New("the engine is stopping")
)

// limits sizes a scheduler.
type limits struct {
	parallel int  // slots
	context  int  // tokens per slot
	batch    int  // tokens per decode
	chunk    int  // prompt tokens per decode while others generate
	queue    int  // waiting jobs
	partial  bool // the model can cut its state back to a prefix
}

// scheduler owns a model's context: all slots of it decode together. Start run
// in one goroutine; submit is safe for concurrent use.
type scheduler struct {
	backend  backend
	words    vocabulary
	limits   limits
	queue    chan *job
	waiting  []*job
	slots    []*slot
	batch    []llama.BatchToken
	clock    uint64 // counts assignments, to find the slot used longest ago
	stopped  chan struct{}
	accepted chan struct{} // holds one element per job without an outcome
}

func newScheduler(b backend, words vocabulary, l limits) *scheduler {
	s := &scheduler{
		backend: b, words: words, limits: l,
		queue:    make(chan *job, l.queue+l.parallel),
		accepted: make(chan struct{}, l.queue+l.parallel),
		batch:    make([]llama.BatchToken, 0, l.batch),
		stopped:  make(chan struct{}),
	}
	for i := range l.parallel {
		s.slots = append(s.slots, &slot{id: i, output: -1})
	}
	return s
}

// submit hands a job over; its outcome comes through its mailbox. errQueueFull
// means that too many are waiting.
func (s *scheduler) submit(j *job) error {
	select {
	case <-s.stopped:
		return errStopped
	default:
	}
	select {
	case s.accepted <- struct{}{}:
		s.queue <- j
	default:
		return errQueueFull
	}
	select {
	case <-s.stopped: // perhaps after the queue was drained
		j.out.finish(outcome{err: errStopped})
	default:
	}
	return nil
}

// end gives a job its outcome and its place in the queue to another.
func (s *scheduler) end(j *job, o outcome) {
	j.out.finish(o)
	<-s.accepted
}

// run decodes until ctx ends, then fails what is left.
func (s *scheduler) run(ctx context.Context) {
	defer s.drain()
	for ctx.Err() == nil {
		if !s.receive(ctx) {
			continue
		}
		s.assign()
		s.dropCancelled()
		if !s.fill() {
			continue
		}
		if err := s.decode(); err != nil {
			s.failBatch(err)
			continue
		}
		s.sample()
	}
}

// receive takes new jobs, waiting for one when nothing runs. False means that
// ctx ended.
func (s *scheduler) receive(ctx context.Context) bool {
	if len(s.waiting) == 0 && !s.busy() {
		select {
		case j := <-s.queue:
			s.waiting = append(s.waiting, j)
		case <-ctx.Done():
			return false
		}
	}
	for {
		select {
		case j := <-s.queue:
			s.waiting = append(s.waiting, j)
		default:
			return true
		}
	}
}

func (s *scheduler) busy() bool {
	for _, slot := range s.slots {
		if slot.job != nil {
			return true
		}
	}
	return false
}

// assign gives waiting jobs to idle slots, first come first served, but for
// those that gain by waiting for a prefix being read.
func (s *scheduler) assign() {
	kept := s.waiting[:0]
	for _, j := range s.waiting {
		if j.ctx.Err() != nil {
			s.end(j, outcome{err: j.ctx.Err()})
			continue
		}
		c := choose(s.slots, j.prompt, s.limits.partial)
		if c.target == nil || c.wait {
			kept = append(kept, j)
			continue
		}
		s.begin(j, c)
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
}

func (s *scheduler) begin(j *job, c choice) {
	chooser, err := s.backend.Sampler(j.sampling)
	if err != nil {
		s.end(j, outcome{err: err})
		return
	}
	if j.trigger != nil {
		chooser = &triggered{sampler: chooser, trigger: j.trigger, words: s.words}
	}
	target := c.target
	if c.source != target {
		s.forget(target)
		if c.prefix > 0 {
			s.backend.Copy(c.source.id, target.id, 0, int32(c.prefix))
			target.held = append(target.held, j.prompt[:c.prefix]...)
		}
	} else if c.prefix < len(target.held) {
		if s.backend.Remove(target.id, int32(c.prefix), -1) {
			target.held = target.held[:c.prefix]
		} else {
			s.forget(target)
		}
	}
	s.clock++
	target.job, target.sampler, target.started, target.made = j, chooser, false, 0
	target.cached, target.last = len(target.held), s.clock
}

// forget drops a slot's whole state.
func (s *scheduler) forget(slot *slot) {
	s.backend.Remove(slot.id, -1, -1)
	slot.held = slot.held[:0]
}

// release ends a slot's job, keeping its state.
func (s *scheduler) release(slot *slot, o outcome) {
	o.cached = slot.cached
	s.end(slot.job, o)
	slot.sampler.Close()
	slot.job, slot.sampler, slot.output = nil, nil, -1
}

func (s *scheduler) dropCancelled() {
	for _, slot := range s.slots {
		if slot.job != nil && slot.job.ctx.Err() != nil {
			s.release(slot, outcome{err: slot.job.ctx.Err()})
		}
	}
}

// fill builds the next batch: the last token of every generating slot, then as
// much of the prompts as fits. False means there is nothing to do.
func (s *scheduler) fill() bool {
	s.batch = s.batch[:0]
	for _, slot := range s.slots {
		slot.queued, slot.output = 0, -1
		if slot.job == nil || !slot.started {
			continue
		}
		s.add(slot, slot.next, true)
	}
	room := s.limits.batch - len(s.batch)
	if len(s.batch) > 0 {
		room = min(room, s.limits.chunk)
	}
	for _, slot := range s.slots {
		if slot.job == nil || slot.started {
			continue
		}
		rest := slot.job.prompt[len(slot.held):]
		n := min(len(rest), room)
		for i, token := range rest[:n] {
			s.add(slot, token, i == len(rest)-1)
		}
		room -= n
	}
	return len(s.batch) > 0
}

func (s *scheduler) add(slot *slot, token llama.Token, output bool) {
	if output {
		slot.output = len(s.batch)
	}
	s.batch = append(s.batch, llama.BatchToken{
		Token: token, Position: int32(len(slot.held) + slot.queued), Sequence: int32(slot.id), Output: output,
	})
	slot.queued++
}

// decode computes the batch. When the context has no room, states kept by idle
// slots are given up.
func (s *scheduler) decode() error {
	err := s.backend.Decode(s.batch)
	if errors.Is(err, llama.ErrNoSpace) {
		for _, slot := range s.slots {
			if slot.job == nil && len(slot.held) > 0 {
				s.forget(slot)
			}
		}
		err = s.backend.Decode(s.batch)
	}
	if err != nil {
		return err
	}
	for _, t := range s.batch {
		slot := s.slots[t.Sequence]
		slot.held = append(slot.held, t.Token)
	}
	return nil
}

// failBatch ends every job of the batch: what their slots hold is unknown.
func (s *scheduler) failBatch(err error) {
	for _, slot := range s.slots {
		if slot.job != nil && slot.queued > 0 {
			s.release(slot, outcome{err: fmt.Errorf("decode: %w", err)})
			s.forget(slot)
		}
	}
}

// sample chooses the next token of every slot that has an output.
func (s *scheduler) sample() {
	for _, slot := range s.slots {
		if slot.output < 0 {
			continue
		}
		token, err := slot.sampler.Sample(slot.output)
		if err != nil {
			s.release(slot, outcome{err: err})
			continue
		}
		slot.started = true
		if s.words.IsEnd(token) {
			s.release(slot, outcome{finish: finishStop})
			continue
		}
		st := step{token: token}
		if slot.job.logprobs >= 0 {
			st.logprobs = logprobsOf(s.backend.Logits(slot.output), token, slot.job.logprobs)
		}
		slot.next = token
		slot.made++
		slot.job.out.put(st)
		if slot.made >= slot.job.limit || len(slot.held)+1 >= s.limits.context {
			s.release(slot, outcome{finish: finishLength})
		}
	}
}

// drain fails everything that has no outcome yet.
func (s *scheduler) drain() {
	close(s.stopped)
	for _, slot := range s.slots {
		if slot.job != nil {
			s.release(slot, outcome{err: errStopped})
		}
	}
	for _, j := range s.waiting {
		s.end(j, outcome{err: errStopped})
	}
	for {
		select {
		case j := <-s.queue:
			s.end(j, outcome{err: errStopped})
		default:
			return
		}
	}
}
