package drivertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/session"
)

// Oracle reads journals as they grow and knows what must not be in them. It is
// not safe for concurrent use.
type Oracle struct {
	// Operations counts the intents recorded for each operation, Settled the
	// decisions that let an unknown outcome be tried again.
	Operations, Settled map[string]int
	// Sessions are the states that the journals lead to.
	Sessions map[string]*Record

	codec *agent.Codec
}

// Record is one session as the oracle knows it.
type Record struct {
	*agent.State
	// Outcomes says for each intent which event ended it.
	Outcomes map[uint64]uint64
	// Inputs are the texts of the client's messages with the number of times
	// each was taken up.
	Inputs map[string]int
	// Dropped are messages that a cancellation came upon before they were
	// taken up.
	Dropped map[string]bool
	// Cut are the intents whose answer was interrupted.
	Cut map[uint64]bool
	// Events counts what was read, Expired the approvals that nobody gave.
	Events, Expired int

	epoch  uint64
	texts  map[uint64]string // of messages not taken up yet, by event
	yes    map[string]int    // approvals by call
	asked  map[string]bool   // whether a call's open request settles an outcome
	calls  map[string]int    // intents by call
	digest session.Hash
}

// NewOracle returns one that has read nothing.
func NewOracle() (*Oracle, error) {
	codec, err := agent.NewCodec()
	return &Oracle{Operations: map[string]int{}, Settled: map[string]int{}, Sessions: map[string]*Record{}, codec: codec}, err
}

// Read reads the next events of a journal, appended under epoch; 0 if that is
// not known. It returns what is wrong with them.
func (o *Oracle) Read(epoch uint64, events ...session.Event) error {
	for _, e := range events {
		r := o.Sessions[e.Session]
		if r == nil {
			r = &Record{State: agent.NewState(), Outcomes: map[uint64]uint64{}, Inputs: map[string]int{}, Dropped: map[string]bool{}, Cut: map[uint64]bool{},
				texts: map[uint64]string{}, yes: map[string]int{}, asked: map[string]bool{}, calls: map[string]int{}}
			o.Sessions[e.Session] = r
		}
		if err := o.event(r, epoch, e); err != nil {
			return fmt.Errorf("event %d of %s (%s): %w", e.Seq, e.Session, e.Type, err)
		}
	}
	return nil
}

// Fork makes the record of a session that continues another, whose journal up
// to that point is given: the next event read of it is its first.
func (o *Oracle) Fork(id string, past ...session.Event) error {
	alone, err := NewOracle()
	if err != nil {
		return err
	}
	if err := alone.Read(0, past...); err != nil {
		return err
	}
	record := alone.Sessions[past[0].Session]
	record.Seq, record.Events, record.Inputs = 0, 0, map[string]int{}
	record.epoch, record.Outcomes = 0, map[uint64]uint64{}
	o.Sessions[id] = record
	return nil
}

func (o *Oracle) event(r *Record, epoch uint64, e session.Event) error {
	switch {
	case e.Seq != r.Seq+1:
		return fmt.Errorf("it follows event %d", r.Seq)
	case epoch != 0 && epoch < r.epoch:
		return fmt.Errorf("epoch %d follows epoch %d", epoch, r.epoch)
	case session.Link(r.digest, e) != e.Hash:
		return fmt.Errorf("the chain is broken")
	}
	r.epoch, r.digest = max(epoch, r.epoch), e.Hash
	r.Events++
	read, err := o.codec.Read(e)
	if err != nil {
		return err
	}
	if err := o.before(r, read); err != nil {
		return err
	}
	if intent := agent.IntentOf(read.Body); intent != 0 {
		if r.Outcomes[intent] != 0 {
			return fmt.Errorf("event %d ended intent %d already", r.Outcomes[intent], intent)
		}
		r.Outcomes[intent] = e.Seq
	}
	return r.Apply(read)
}

// before checks an event against the state that it finds.
func (o *Oracle) before(r *Record, e agent.Event) error {
	switch b := e.Body.(type) {
	case *agent.Message:
		if b.From == "" {
			text := b.Messages[0].Text()
			if _, twice := r.Inputs[text]; twice {
				return fmt.Errorf("input %q is there twice", text)
			}
			r.Inputs[text], r.texts[e.Seq] = 0, text
		}
	case *agent.TurnStarted:
		return r.take(b.Inputs)
	case *agent.Joined:
		return r.take(b.Inputs)
	case *agent.Cancel:
		for seq, text := range r.texts {
			r.Dropped[text] = true
			delete(r.texts, seq)
		}
	case *agent.ModelInterrupted:
		r.Cut[b.Call] = true
	case *agent.ApprovalRequested:
		r.asked[b.Call] = b.Settle
	case *agent.Decision:
		if err := r.expired(e, b); err != nil {
			return err
		}
		o.decided(r, b)
	case *agent.ToolCalled:
		return o.called(r, b)
	}
	return nil
}

// take counts inputs that a turn takes up.
func (r *Record) take(inputs []uint64) error {
	for _, seq := range inputs {
		text, known := r.texts[seq]
		if !known {
			continue // a report of a subagent, or a subagent's own
		}
		if r.Inputs[text]++; r.Inputs[text] > 1 {
			return fmt.Errorf("input %q joins a second time", text)
		}
		delete(r.texts, seq)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(inputs)))) != len(inputs) {
		return fmt.Errorf("inputs %v join twice", inputs)
	}
	return nil
}

// expired checks that nothing expires before its time.
func (r *Record) expired(e agent.Event, b *agent.Decision) error {
	if b.By != "expiry" {
		return nil
	}
	r.Expired++
	for _, t := range r.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.Request == b.Request && call.State == agent.CallAsked && call.Expires.After(e.At) {
				return fmt.Errorf("request %s expires %s early", b.Request, call.Expires.Sub(e.At))
			}
		}
	}
	return nil
}

func (o *Oracle) decided(r *Record, b *agent.Decision) {
	for _, t := range r.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.Request != b.Request || call.State != agent.CallAsked || b.Decision != "approve" {
				continue
			}
			r.yes[call.ID]++
			if op, err := opOf(call.Arguments); err == nil && r.asked[call.ID] {
				o.Settled[op]++
			}
		}
	}
}

// called checks that a call may be made, again or at all.
func (o *Oracle) called(r *Record, b *agent.ToolCalled) error {
	_, call := r.Call(b.Call)
	if call == nil {
		return fmt.Errorf("there is no call %s", b.Call)
	}
	r.calls[call.ID]++
	if call.Kind == agent.CallProgram {
		return nil
	}
	op, err := opOf(call.Arguments)
	if err != nil {
		return err
	}
	o.Operations[op]++
	attempts, yes := r.calls[call.ID], r.yes[call.ID]
	switch {
	case !strings.HasSuffix(b.Key, call.Item):
		return fmt.Errorf("call %s has the key %s", call.ID, b.Key)
	case call.Tool == "unsafe" && attempts > 1+yes:
		return fmt.Errorf("unsafe call %s is made for the %d. time with %d decisions", call.ID, attempts, yes)
	case call.Tool == "guarded" && yes == 0:
		return fmt.Errorf("call %s is made without a yes", call.ID)
	}
	return nil
}

// Settle says what is missing at the end, when every node is well and the
// client has answered whatever it was asked: acknowledged are the texts of the
// messages that were.
func (o *Oracle) Settle(id string, acknowledged []string) error {
	r := o.Sessions[id]
	if r == nil {
		return fmt.Errorf("session %s is gone", id)
	}
	for _, text := range acknowledged {
		taken, known := r.Inputs[text]
		if !known || taken == 0 && !r.Dropped[text] {
			return fmt.Errorf("session %s: input %q was acknowledged; known %v, taken up %d times", id, text, known, taken)
		}
	}
	if status := r.Status(); status != agent.Idle || len(r.Runs) > 0 {
		return fmt.Errorf("session %s ends %s with %d runs under way", id, status, len(r.Runs))
	}
	return nil
}
