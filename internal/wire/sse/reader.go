package sse

import "io"

// readSize is how much is asked of the source at once: several deltas of text.
const readSize = 8 << 10

// maxIdleReads bounds reads that return nothing and no error.
const maxIdleReads = 100

// Reader reads the events of a stream. It is not safe for concurrent use.
type Reader struct {
	src    io.Reader
	parser Parser
	buf    []byte
	rest   []byte
	err    error
}

// NewReader returns a Reader of src.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, parser: Parser{limits: limits}}
}

// Next returns the next event; its Data is valid until the next call. It
// returns io.EOF at the end of the stream, where an event that was not
// completed by an empty line is discarded as the standard demands (see Rest),
// the source's error, or an *model.Error when a limit was passed. Any error
// ends the stream.
func (r *Reader) Next() (Event, error) {
	for {
		if len(r.rest) > 0 {
			rest, ev, ok, err := r.parser.Next(r.rest)
			r.rest = rest
			if err != nil {
				r.rest, r.err = nil, err
				return Event{}, err
			}
			if ok {
				return ev, nil
			}
		}
		if r.err != nil {
			return Event{}, r.err
		}
		r.fill()
	}
}

// Rest returns the event the stream broke off in, after Next returned io.EOF.
func (r *Reader) Rest() (Event, bool) { return r.parser.Flush() }

func (r *Reader) fill() {
	if r.buf == nil {
		r.buf = make([]byte, readSize)
	}
	for range maxIdleReads {
		n, err := r.src.Read(r.buf)
		r.rest, r.err = r.buf[:n], err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}
