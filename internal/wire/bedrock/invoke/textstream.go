package invoke

import (
	"errors"
	"io"

	"github.com/craton-ai/craton/internal/model"
)

// textStream reads the streamed answer of a text family.
type textStream struct {
	family  textFamily
	chunks  *chunks
	queue   []model.Event
	started bool
	stopped bool
	usage   model.Usage
	told    bool
	err     error
}

// Next returns the next event; see model.Stream.
func (s *textStream) Next() (model.Event, error) {
	for len(s.queue) == 0 {
		if s.err != nil {
			return model.Event{}, s.err
		}
		s.err = s.read()
	}
	ev := s.queue[0]
	s.queue = s.queue[1:]
	return ev, nil
}

// Close releases the upstream.
func (s *textStream) Close() error { return s.chunks.Close() }

// read takes one native object and queues its events.
func (s *textStream) read() error {
	native, err := s.chunks.next()
	switch {
	case errors.Is(err, io.EOF) && s.stopped:
		usage := s.usage
		usage.Absent = !s.told
		s.queue = append(s.queue, model.Event{Kind: model.EventUsage, Usage: &usage})
		return io.EOF
	case errors.Is(err, io.EOF):
		e := garbage(io.ErrUnexpectedEOF)
		e.Message = "The upstream's answer ended in the middle."
		return e
	case err != nil:
		return err
	}
	piece, bad := s.family.read(native)
	if bad != nil {
		return garbage(bad)
	}
	if s.stopped {
		return garbage(model.Errorf(model.Invalid, "", "The answer went on after its end."))
	}
	s.say(piece)
	return nil
}

func (s *textStream) say(piece said) {
	if !s.started {
		s.started = true
		s.queue = append(s.queue, model.Event{Kind: model.EventStart}, model.Event{Kind: model.EventPartStart, Part: &model.Text{}})
	}
	if piece.text != "" {
		s.queue = append(s.queue, model.Event{Kind: model.EventDelta, Text: piece.text})
	}
	if u := piece.usage; u != nil {
		// Counts come one by one: input with the first object, output with the last.
		s.told = true
		s.usage.Input, s.usage.Output = max(s.usage.Input, u.Input), max(s.usage.Output, u.Output)
	}
	if piece.stop != "" {
		s.stopped = true
		s.queue = append(s.queue, model.Event{Kind: model.EventPartStop}, model.Event{Kind: model.EventStop, Stop: piece.stop})
	}
}
