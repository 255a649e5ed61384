package invoke

import (
	"encoding/base64"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
)

// Encoder writes an answer as the chunk frames of
// InvokeModelWithResponseStream. The last native object carries the
// invocation's metrics, so the objects that may be last wait for their
// successor or for Finish; deltas never wait. It is not safe for concurrent use.
type Encoder struct {
	opts    Options
	objects objects
	usage   model.Usage
	// held is the object that may turn out to be the last one.
	held      []byte
	firstByte int64
	began     bool
	done      bool
}

// NewEncoder returns an Encoder of one answer of family f.
func NewEncoder(f Family, opts Options) (*Encoder, error) {
	c, err := codecOf(f)
	if err != nil {
		return nil, err
	}
	return &Encoder{opts: opts, objects: c.newObjects(opts)}, nil
}

// Append writes the frames of ev. The error is an *model.Error for events the
// family cannot tell.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) {
	if e.done {
		return dst, nil
	}
	if ev.Kind == model.EventUsage && ev.Usage != nil {
		e.usage = *ev.Usage
	}
	if !e.began && ev.Kind == model.EventDelta {
		e.began, e.firstByte = true, e.opts.elapsedMs()
	}
	mayBeLast := ev.Kind == model.EventStop || ev.Kind == model.EventUsage || ev.Kind == model.EventOpaque
	err := e.objects.event(ev, func(object []byte) {
		dst = e.release(dst)
		if mayBeLast {
			e.held = append(e.held, object...)
		} else {
			dst = appendChunk(dst, object)
		}
	})
	return dst, err
}

// release writes the object that waited: it was not the last.
func (e *Encoder) release(dst []byte) []byte {
	if len(e.held) > 0 {
		dst = appendChunk(dst, e.held)
		e.held = e.held[:0]
	}
	return dst
}

// Losses names what the answer could not tell.
func (e *Encoder) Losses() []model.Loss { return e.objects.losses() }

// AppendError writes an error after the first byte as its exception frame.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte {
	if e.done {
		return dst
	}
	e.done = true
	return bedrock.AppendException(e.release(dst), err, true)
}

// Finish writes the last objects, with the metrics in the last.
func (e *Encoder) Finish(dst []byte) []byte {
	if e.done {
		return dst
	}
	e.done = true
	e.objects.finish(&e.usage, func(object []byte) {
		dst = e.release(dst)
		e.held = append(e.held, object...)
	})
	if n := len(e.held); n > 0 && e.held[n-1] == '}' {
		e.held = e.metrics(e.held[:n-1])
	}
	return e.release(dst)
}

// metrics closes the last object with the invocation's metrics.
func (e *Encoder) metrics(dst []byte) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	number := func(name string, n int64) {
		dst = append(append(dst, name...), ':')
		dst = strconv.AppendInt(dst, n, 10)
	}
	u := &e.usage
	number(`"`+metricsName+`":{"inputTokenCount"`, u.Input)
	number(`,"outputTokenCount"`, u.Output)
	number(`,"invocationLatency"`, e.opts.elapsedMs())
	number(`,"firstByteLatency"`, e.firstByte)
	if write := u.CacheWrite5m + u.CacheWrite1h; u.CacheRead != 0 || write != 0 {
		number(`,"cacheReadInputTokenCount"`, u.CacheRead)
		number(`,"cacheWriteInputTokenCount"`, write)
	}
	return append(dst, "}}"...)
}

// metricsName is the member of the last object that holds the metrics.
const metricsName = "amazon-bedrock-invocationMetrics"

// appendChunk writes one native object as a chunk frame.
func appendChunk(dst, object []byte) []byte {
	dst, start := frame.Open(dst, frame.Event, "chunk")
	dst = base64.StdEncoding.AppendEncode(append(dst, `{"bytes":"`...), object)
	return frame.Close(append(dst, `"}`...), start)
}

// lines passes the data of server-sent events to emit, one JSON object each,
// without the end mark. The text is an encoder's own: every data is one line.
func lines(events []byte, emit func(object []byte)) {
	for len(events) > 0 {
		end := 0
		for end < len(events) && events[end] != '\n' {
			end++
		}
		line := events[:end]
		events = events[min(end+1, len(events)):]
		if data, ok := cutPrefix(line, "data: "); ok && len(data) > 0 && data[0] == '{' {
			emit(data)
		}
	}
}

func cutPrefix(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	return b[len(prefix):], true
}
