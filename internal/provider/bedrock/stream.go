package bedrock

import (
	"io"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
)

// named gives an answer the model's name and the request's id, which Converse
// tells in the URL and a header only.
func named(s model.Stream, name string, header http.Header) model.Stream {
	return &namedStream{Stream: s, name: name, id: header.Get("X-Amzn-Requestid")}
}

type namedStream struct {
	model.Stream
	name, id string
}

func (s *namedStream) Next() (model.Event, error) {
	ev, err := s.Stream.Next()
	if err == nil && ev.Kind == model.EventStart {
		ev.ID, ev.Model = first(ev.ID, s.id), first(ev.Model, s.name)
	}
	return ev, err
}

// Unwrap returns the stream inside, for model.LossesOf.
func (s *namedStream) Unwrap() model.Stream { return s.Stream }

func readAll(resp *http.Response) ([]byte, error) { return io.ReadAll(resp.Body) }
