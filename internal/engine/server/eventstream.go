package server

import "net/http"

// eventStream writes server-sent events as OpenAI frames them. The header goes
// out with the first event.
type eventStream struct {
	w       http.ResponseWriter
	flusher *http.ResponseController
	begun   bool
	err     error // of the first failed write: the client is gone
	buffer  []byte
}

func newEventStream(w http.ResponseWriter) *eventStream {
	return &eventStream{w: w, flusher: http.NewResponseController(w)}
}

// send adds an event; flush puts it on the wire.
func (s *eventStream) send(data []byte) {
	s.buffer = append(s.buffer, "data: "...)
	s.buffer = append(s.buffer, data...)
	s.buffer = append(s.buffer, "\n\n"...)
}

func (s *eventStream) flush() {
	if s.err != nil || len(s.buffer) == 0 {
		return
	}
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("Cache-Control", "no-store")
	}
	if _, s.err = s.w.Write(s.buffer); s.err == nil {
		s.err = s.flusher.Flush()
	}
	s.buffer = s.buffer[:0]
}

// fail reports an error: as the response if nothing was sent yet, else as an
// event, after which the stream ends without its end mark.
func (s *eventStream) fail(err error) error {
	if !s.begun {
		return err
	}
	s.send(faultOf(err).body())
	s.flush()
	return nil
}

func (s *eventStream) done() {
	s.send([]byte("[DONE]"))
	s.flush()
}
