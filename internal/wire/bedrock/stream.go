package bedrock

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// DecodeEvents reads an upstream's ConverseStream answer, as it arrives. An
// exception frame ends it with the *model.Error it means; a stream that ends
// before both messageStop and metadata is UpstreamGarbage. Closing the Stream
// closes r when r is an io.Closer.
func DecodeEvents(r io.Reader) model.Stream {
	s := &stream{frames: frame.NewReader(r), open: map[int64]*openBlock{}}
	s.closer, _ = r.(io.Closer)
	return s
}

type stream struct {
	frames *frame.Reader
	closer io.Closer
	closed atomic.Bool
	// queue holds events decoded but not yet returned; head is the first.
	queue []model.Event
	head  int
	open  map[int64]*openBlock
	parts int
	// stopped and metered say that messageStop and metadata were read.
	stopped, metered bool
	meta             metadata
	err              error
}

// openBlock is a block under way.
type openBlock struct {
	index int
	// part is its kind; nil after an empty start, until a delta tells.
	part model.Part
	// started says that EventPartStart was sent. Images and tool results
	// gather first and are sent whole.
	started bool
}

// Next returns the next event; see model.Stream.
func (s *stream) Next() (model.Event, error) {
	for {
		if s.head < len(s.queue) {
			s.head++
			return s.queue[s.head-1], nil
		}
		s.queue, s.head = s.queue[:0], 0
		if s.err != nil {
			return model.Event{}, s.err
		}
		s.err = s.read()
	}
}

// Close ends the stream and releases its connection.
func (s *stream) Close() error {
	if s.closed.Swap(true) || s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

// read takes one frame and queues its events.
func (s *stream) read() error {
	m, err := s.frames.Next()
	switch {
	case err == nil:
	case s.closed.Load():
		return &model.Error{Kind: model.Canceled, Op: "wire/bedrock", Message: "The answer was closed.", Err: err}
	case errors.Is(err, io.EOF) && s.stopped && s.metered:
		return io.EOF
	default:
		return ReadError(err)
	}
	if m.Type != frame.Event {
		return DecodeException(m)
	}
	if e := s.event(m.Name, m.Payload); e != nil {
		return e
	}
	return nil
}

// ReadError classifies a failed read of an upstream's event stream: what the
// transport or context named is kept, bytes that are no frames are
// UpstreamGarbage, anything else is a lost connection.
func ReadError(err error) *model.Error {
	e := model.AsError(err)
	switch {
	case e.Kind != model.Internal:
		return e
	case errors.Is(err, frame.ErrGarbage):
		return garbage(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e := garbage(io.ErrUnexpectedEOF)
		e.Message = "The upstream's answer ended in the middle."
		return e
	}
	return &model.Error{
		Kind: model.UpstreamDown, Op: "wire/bedrock", Err: err,
		Message: "The connection to the upstream was lost.", Hint: "Try again or choose another upstream.",
	}
}

// DecodeException makes the error an exception or error frame stands for.
func DecodeException(m frame.Message) *model.Error {
	if m.Type == frame.Error {
		return upstreamError(m.Name, m.Text, 0)
	}
	var b errorBody
	if err := object.ParseAnswer(m.Payload, &b); err != nil {
		return garbage(err)
	}
	if b.Message == "" {
		b.Message = b.Upper
	}
	e := upstreamError(m.Name, b.Message, 0)
	e.UpstreamStatus = b.Status
	return e
}

type eventShape struct {
	Index      int64             `json:"contentBlockIndex"`
	Start      *startShape       `json:"start"`
	Delta      *deltaShape       `json:"delta"`
	StopReason string            `json:"stopReason"`
	Fields     jsontext.Value    `json:"additionalModelResponseFields"`
	Usage      jsontext.Value    `json:"usage"`
	Trace      jsontext.Value    `json:"trace"`
	Perf       *performanceShape `json:"performanceConfig"`
	Tier       *tierShape        `json:"serviceTier"`
}

type startShape struct {
	ToolUse    *toolUseShape    `json:"toolUse"`
	ToolResult *toolResultShape `json:"toolResult"`
	Image      *mediaShape      `json:"image"`
}

type deltaShape struct {
	Text    *string `json:"text"`
	ToolUse *struct {
		Input string `json:"input"`
	} `json:"toolUse"`
	Reasoning *struct {
		Text      string `json:"text"`
		Signature string `json:"signature"`
		Redacted  []byte `json:"redactedContent"`
	} `json:"reasoningContent"`
	Citation   jsontext.Value `json:"citation"`
	ToolResult []blockShape   `json:"toolResult"`
	Image      *mediaShape    `json:"image"`
}

// event queues the hub events of one frame.
func (s *stream) event(name string, payload []byte) *model.Error {
	var ev eventShape
	switch name {
	case "messageStart":
		s.push(model.Event{Kind: model.EventStart})
		return nil
	case "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata":
		if err := object.ParseAnswer(payload, &ev); err != nil {
			return garbage(err)
		}
	default:
		if object.Is(payload) { // an event this version does not know
			s.meta.keep(name, payload)
		}
		return nil
	}
	switch name {
	case "contentBlockStart":
		return s.blockStart(&ev)
	case "contentBlockDelta":
		return s.blockDelta(&ev)
	case "contentBlockStop":
		return s.blockStop(ev.Index)
	case "messageStop":
		return s.stop(&ev)
	}
	m := metadataOf(ev.Usage, ev.Tier, ev.Perf, ev.Trace, nil)
	s.meta.usage, s.metered = m.usage, true
	s.meta.extra = append(s.meta.extra, m.extra...)
	s.finish()
	return nil
}

func (s *stream) push(ev model.Event) { s.queue = append(s.queue, ev) }

// stop closes what is open and ends the answer.
func (s *stream) stop(ev *eventShape) *model.Error {
	if s.stopped {
		return garbage(model.Errorf(model.Invalid, "messageStop", "messageStop came twice."))
	}
	for len(s.open) > 0 {
		first := int64(-1)
		for i, b := range s.open {
			if first < 0 || b.index < s.open[first].index {
				first = i
			}
		}
		if err := s.blockStop(first); err != nil {
			return err
		}
	}
	s.meta.keep("additionalModelResponseFields", ev.Fields)
	s.stopped = true
	s.push(model.Event{
		Kind: model.EventStop, Stop: model.StopReason(ev.StopReason), StopSequence: stopSequence(ev.Fields),
	})
	s.finish()
	return nil
}

// finish sends what messageStop and metadata told, when both were read:
// whichever comes first waits for the other.
func (s *stream) finish() {
	if !s.stopped || !s.metered {
		return
	}
	if o := opaque(object.Of(unique(s.meta.extra))); o != nil {
		s.push(model.Event{Kind: model.EventOpaque, Opaque: o})
	}
	usage := s.meta.usage
	s.push(model.Event{Kind: model.EventUsage, Usage: &usage})
}
