package modeltest

import (
	"context"

	"github.com/craton-ai/craton/internal/model"
)

// Faulty is a Provider around a Provider that injects faults through function
// fields; a nil field does nothing. The functions must be safe for concurrent
// use where the Faulty is used so.
type Faulty struct {
	Provider model.Provider
	// OnGenerate runs before the call is passed on; an error of it is returned instead.
	OnGenerate func(ctx context.Context, req *model.Request) error
	// OnNext sees what each Next of a stream returned (n counts from 0) and
	// says what the caller gets.
	OnNext func(n int, ev model.Event, err error) (model.Event, error)
	// OnClose replaces the result of Close, which is always passed on.
	OnClose func(err error) error
}

// Generate passes the call on unless OnGenerate fails it.
func (f *Faulty) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	if f.OnGenerate != nil {
		if err := f.OnGenerate(ctx, req); err != nil {
			return nil, err
		}
	}
	s, err := f.Provider.Generate(ctx, req)
	if err != nil {
		return nil, err
	}
	return &faultyStream{Stream: s, faults: f}, nil
}

// Unwrap returns the wrapped provider.
func (f *Faulty) Unwrap() model.Provider { return f.Provider }

type faultyStream struct {
	model.Stream
	faults *Faulty
	n      int
}

func (s *faultyStream) Next() (model.Event, error) {
	ev, err := s.Stream.Next()
	if s.faults.OnNext == nil {
		return ev, err
	}
	s.n++
	return s.faults.OnNext(s.n-1, ev, err)
}

func (s *faultyStream) Unwrap() model.Stream { return s.Stream }

func (s *faultyStream) Close() error {
	err := s.Stream.Close()
	if s.faults.OnClose != nil {
		err = s.faults.OnClose(err)
	}
	return err
}
