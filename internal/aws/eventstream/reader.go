package eventstream

import (
	"io"
	"slices"
)

// Reader pulls frames from a response body. It is not safe for concurrent use.
type Reader struct {
	r          io.Reader
	limit      int
	buf        []byte
	start, end int
	frame      Frame
	err        error
}

// NewReader returns a Reader on r that refuses frames larger than limit bytes;
// 0 means [MaxFrame].
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: r, limit: orMax(limit)}
}

func orMax(limit int) int {
	if limit <= 0 {
		return MaxFrame
	}
	return limit
}

// Next returns the next frame, valid until the next call. At the end of the
// stream between two frames it returns io.EOF, inside a frame
// io.ErrUnexpectedEOF: services end a good stream on a frame boundary, so the
// latter is a broken upstream. Errors are final.
func (r *Reader) Next() (*Frame, error) {
	if r.err != nil {
		return nil, r.err
	}
	n, err := r.need()
	if err == nil {
		err = r.frame.parse(r.buf[r.start : r.start+n])
	}
	if err != nil {
		r.err = err
		return nil, err
	}
	r.start += n
	return &r.frame, nil
}

// need reads until one whole frame lies at r.start and returns its length.
func (r *Reader) need() (int, error) {
	if err := r.fill(preludeLen); err != nil {
		return 0, err
	}
	n, err := frameLen(r.buf[r.start:r.end], r.limit)
	if err != nil {
		return 0, err
	}
	return n, r.fill(n)
}

// fill reads until n bytes lie at r.start. The buffer grows with what arrives
// and not with what a length field promises.
func (r *Reader) fill(n int) error {
	idle := 0
	for r.end-r.start < n {
		if r.end == len(r.buf) {
			r.grow()
		}
		m, err := r.r.Read(r.buf[r.end:])
		r.end += m
		if r.end-r.start >= n {
			return nil
		}
		if err == io.EOF && r.end > r.start {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if idle++; m > 0 {
			idle = 0
		}
		if idle > 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

func (r *Reader) grow() {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
		if r.end < len(r.buf) {
			return
		}
	}
	r.buf = slices.Grow(r.buf, max(4096, len(r.buf)))
	r.buf = r.buf[:cap(r.buf)]
}

// Decoder is the push form of [Reader]: bytes go in as they fly by and whole
// frames come out. It serves taps that must not change or delay a stream. It
// is not safe for concurrent use.
type Decoder struct {
	limit int
	buf   []byte
	frame Frame
	err   error
}

// NewDecoder returns a Decoder that refuses frames larger than limit bytes;
// 0 means [MaxFrame].
func NewDecoder(limit int) *Decoder { return &Decoder{limit: orMax(limit)} }

// Feed takes the next bytes of the stream, of any length, and calls fn for
// each frame that they complete. The frame is valid until fn returns. An
// error of the stream or of fn is final and returned by every later call.
func (d *Decoder) Feed(p []byte, fn func(*Frame) error) error {
	if d.err != nil {
		return d.err
	}
	in := p
	if len(d.buf) > 0 {
		d.buf = append(d.buf, p...)
		in = d.buf
	}
	used, err := d.drain(in, fn)
	if err != nil {
		d.err = err
		return err
	}
	d.buf = append(d.buf[:0], in[used:]...)
	return nil
}

func (d *Decoder) drain(in []byte, fn func(*Frame) error) (int, error) {
	used := 0
	for len(in)-used >= preludeLen {
		n, err := frameLen(in[used:], d.limit)
		if err != nil {
			return used, err
		}
		if len(in)-used < n {
			break
		}
		if err := d.frame.parse(in[used : used+n]); err != nil {
			return used, err
		}
		if err := fn(&d.frame); err != nil {
			return used, err
		}
		used += n
	}
	return used, nil
}

// Pending returns the number of bytes of an unfinished frame: not 0 at the
// end of a stream means that it was cut.
func (d *Decoder) Pending() int { return len(d.buf) }
