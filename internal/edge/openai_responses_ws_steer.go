package edge

import (
	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"
)

// steer answers a wish to change a response that is being made. Models that
// take input while they answer are not reached by this server, so that it is
// never granted; the reason tells what the client can do.
func (s *socket) steer(name string, body []byte) {
	id := gjson.GetBytes(body, "previous_response_id").String()
	s.mu.Lock()
	active := s.active[id]
	known := s.cached != nil && s.cached.id == id
	s.mu.Unlock()
	code, message := "response_not_found", "There is no such response on this connection."
	switch {
	case !gjson.GetBytes(body, "input").IsArray():
		code, message = "invalid_input", "input must be an array of user messages."
	case active:
		code, message = "steering_not_supported", "The response is being made, and its model takes no input meanwhile. Continue it once it has ended."
	case known:
		code, message = "response_already_completed", "The response has ended. Continue it with response.create."
	}
	raw, err := json.Marshal(steerFailed{Type: "response.steer.failed", Previous: id, Error: steerError{code, message}, Stream: name})
	if err == nil {
		err = s.send(raw)
	}
	if err != nil {
		s.c.h.opts.Log.Debug("a socket's reader left", "err", err)
	}
}

type steerFailed struct {
	Type     string     `json:"type"`
	Previous string     `json:"previous_response_id"`
	Error    steerError `json:"error"`
	Stream   string     `json:"stream_id,omitzero"`
}

type steerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
