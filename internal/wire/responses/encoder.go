package responses

import (
	"fmt"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Encoder writes a streamed answer as server-sent events with dense sequence
// numbers from 0. Items are closed when the next one opens or the answer ends,
// since only then is it known whether they are whole. It is not safe for
// concurrent use.
type Encoder struct {
	opts  ResponseOptions
	model string
	seq   int64
	mark  int64  // seq before Finish
	from  int    // where the event under way begins
	raw   []byte // the whole object, where it is replayed
	sole  bool   // nothing but the finished object is wanted
	began bool
	ended bool // Finish was called
	done  bool // an error was written

	items  []*outItem
	parts  map[int]*outPart
	stop   model.StopReason
	usage  *model.Usage
	last   []byte
	losses []model.Loss
}

// NewEncoder returns an Encoder.
func NewEncoder(opts ResponseOptions) *Encoder {
	return &Encoder{opts: opts, parts: map[int]*outPart{}}
}

// NewWhole returns an Encoder for an answer that is not streamed: only
// [Encoder.Response] after Finish is wanted, so what it appends leaves out the
// objects of a response under way.
func NewWhole(opts ResponseOptions) *Encoder {
	e := NewEncoder(opts)
	e.sole = true
	return e
}

// Losses lists what the dialect could not express so far.
func (e *Encoder) Losses() []model.Loss { return e.losses }

// Next is the sequence number the next event will have.
func (e *Encoder) Next() int64 { return e.seq }

// Response returns the response object as last written; it is not modified afterwards.
func (e *Encoder) Response() []byte { return e.last }

// Start appends response.created, response.queued for a background response,
// and response.in_progress. Append does it if the caller did not.
func (e *Encoder) Start(dst []byte) []byte {
	if e.began {
		return dst
	}
	e.began = true
	if e.sole {
		return dst
	}
	if o := e.opts.Options; o != nil && o.Background {
		dst = e.lifecycle(dst, "response.created", object{status: "queued"})
		dst = e.carry(dst, "response.queued")
		return e.lifecycle(dst, "response.in_progress", object{status: "in_progress"})
	}
	dst = e.lifecycle(dst, "response.created", object{status: "in_progress"})
	return e.carry(dst, "response.in_progress")
}

// Append appends the frames for one event. The error is *model.Error for an
// event out of order.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) {
	if e.ended || e.done {
		return dst, nil
	}
	if ev.Kind == model.EventStart {
		e.model = ev.Model
	}
	dst = e.Start(dst)
	if ev.Choice != 0 {
		if ev.Kind == model.EventPartStart {
			e.lose(at("choices", ev.Choice), model.LossMajor, "more than one answer")
		}
		return dst, nil
	}
	switch ev.Kind {
	case model.EventPartStart:
		if _, dup := e.parts[ev.Index]; dup || ev.Part == nil {
			return dst, garbage(fmt.Errorf("part %d was opened twice or without content", ev.Index))
		}
		return e.partStart(dst, ev.Index, ev.Part), nil
	case model.EventDelta:
		p := e.parts[ev.Index]
		if p == nil {
			return dst, garbage(fmt.Errorf("part %d was extended before it was opened", ev.Index))
		}
		return e.delta(dst, p, &ev), nil
	case model.EventPartStop:
		return e.partStop(dst, e.parts[ev.Index]), nil
	case model.EventStop:
		e.stop = ev.Stop
	case model.EventUsage:
		e.usage = ev.Usage
	case model.EventPing:
		if !e.opts.Bare {
			dst = append(dst, ": ping\n\n"...)
		}
	}
	return dst, nil
}

// Finish appends response.completed or response.incomplete, and data: [DONE].
// completed is completed_at in Unix seconds.
func (e *Encoder) Finish(dst []byte, completed int64) []byte {
	if e.ended || e.done {
		return dst
	}
	dst = e.Start(dst)
	e.mark = e.seq
	status, reason := ending(e.stop)
	dst = e.closeAll(dst, status)
	if e.opts.Status != "" {
		status = e.opts.Status
	}
	e.ended = true
	name := "response." + status
	if status == "cancelled" {
		name = "response.incomplete" // the contract has no event of that name
	}
	o := object{status: status, completed: completed, output: e.output(status == "completed" || status == "incomplete"), usage: e.usage}
	if status == "incomplete" {
		o.incomplete = reason
	}
	return e.terminate(e.lifecycle(dst, name, o))
}

// AppendError closes open items as incomplete and appends error and
// response.failed. After Finish it replaces what Finish wrote, which must not
// have been sent: the sequence numbers are used again.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte {
	if e.done {
		return dst
	}
	dst = e.Start(dst)
	if e.ended {
		e.seq = e.mark
	}
	e.done = true
	dst = e.closeAll(dst, "incomplete")
	b := e.event(dst, "error")
	b.Str("code", first(err.Code, failureCode(err)))
	b.Str("message", err.Public())
	param := ""
	if err.Kind == model.Invalid || err.Kind == model.Unsupported {
		param = raw.Bracketed(ofInput(err).Subject)
	}
	b.StrNull("param", param)
	dst = e.end(b)
	e.opts.Error = err
	o := object{status: "failed", output: e.output(false), usage: e.usage}
	return e.terminate(e.lifecycle(dst, "response.failed", o))
}

func (e *Encoder) terminate(dst []byte) []byte {
	if e.opts.NoDone || e.opts.Bare {
		return dst
	}
	return append(dst, "data: [DONE]\n\n"...)
}

func (e *Encoder) lose(path string, s model.Severity, what string) {
	for _, have := range e.losses {
		if have.What == what {
			return
		}
	}
	e.losses = append(e.losses, model.Loss{Path: path, What: what, Severity: s})
}

// event begins an event: its data is an object, open behind the sequence number.
func (e *Encoder) event(dst []byte, name string) raw.Builder {
	e.from = len(dst)
	if !e.opts.Bare {
		dst = append(append(dst, "event: "...), name...)
		dst = append(dst, "\ndata: "...)
	}
	dst = append(append(dst, `{"type":"`...), name...)
	b := raw.Builder{Bytes: append(dst, '"')}
	b.Num("sequence_number", e.seq)
	e.seq++
	return b
}

func (e *Encoder) end(b raw.Builder) []byte {
	if e.seq <= e.opts.Skip {
		return b.Bytes[:e.from] // the reader has it
	}
	if !e.opts.Bare {
		return append(b.Bytes, "}\n\n"...)
	}
	if o := e.opts.Options; o != nil {
		b.StrIf("stream_id", o.StreamID)
	}
	return append(b.Bytes, "}\n"...)
}

// lifecycle appends an event that carries the response object, and keeps the object.
func (e *Encoder) lifecycle(dst []byte, name string, o object) []byte {
	o.opts, o.model = &e.opts, e.model
	w := raw.Builder{Bytes: make([]byte, 0, objectBytes+len(o.output))}
	o.write(&w)
	e.last = w.Bytes
	if e.sole {
		return dst
	}
	return e.carry(dst, name)
}

// objectBytes is about how long a response object is without its output.
const objectBytes = 1 << 10

// carry appends an event with the object that was written last.
func (e *Encoder) carry(dst []byte, name string) []byte {
	b := e.event(dst, name)
	b.Key("response")
	b.Bytes = append(b.Bytes, e.last...)
	return e.end(b)
}

// output is the list of items that are whole. With final, that leaves out what
// was cut short and begun anew: readers of the stream were told of it, but
// whoever joins the texts of an answer would have its beginning twice.
func (e *Encoder) output(final bool) []byte {
	var b raw.Builder
	b.Open('[')
	for i, it := range e.items {
		if it.raw == nil || final && it.cut && i < len(e.items)-1 {
			continue // it is not whole yet, or never will be
		}
		if len(b.Bytes) > 1 {
			b.Bytes = append(b.Bytes, ',')
		}
		b.Bytes = append(b.Bytes, it.raw...)
	}
	b.Close(']')
	return b.Bytes
}

// EncodeResponse writes a response object. r may be nil for one without
// output yet, whose status is then opts.Status or "in_progress".
func EncodeResponse(r *model.Response, opts ResponseOptions) ([]byte, []model.Loss, error) {
	if r == nil {
		o := object{opts: &opts, status: first(opts.Status, "in_progress")}
		var b raw.Builder
		o.write(&b)
		return b.Bytes, nil, nil
	}
	e := NewWhole(opts)
	var scratch []byte
	var err error
	for _, ev := range model.ExplodeResponse(r) {
		if scratch, err = e.Append(scratch[:0], ev); err != nil {
			return nil, nil, err
		}
	}
	e.Finish(scratch[:0], opts.Completed)
	return e.last, e.losses, nil
}
