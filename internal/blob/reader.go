package blob

import (
	"context"
	"errors"
	"io"
)

// open reads an object's pieces one after another.
func (s *Space) open(ctx context.Context, o *Object) (io.ReadSeekCloser, error) {
	if len(o.Parts) == 0 {
		return s.cfg.Content.Open(ctx, o.Ref)
	}
	return &joined{ctx: ctx, content: s.cfg.Content, parts: o.Parts, size: o.Size}, nil
}

// joined is the reader of a multipart object.
type joined struct {
	ctx     context.Context
	content Content
	parts   []Piece
	size    int64
	offset  int64
	open    int // the part that current reads
	current io.ReadSeekCloser
}

func (j *joined) Read(p []byte) (int, error) {
	for j.offset < j.size {
		if j.current == nil {
			if err := j.enter(); err != nil {
				return 0, err
			}
		}
		n, err := j.current.Read(p)
		j.offset += int64(n)
		if errors.Is(err, io.EOF) {
			err = j.leave()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// enter opens the part the offset lies in.
func (j *joined) enter() error {
	at := j.offset
	for i, part := range j.parts {
		if at >= part.Size {
			at -= part.Size
			continue
		}
		r, err := j.content.Open(j.ctx, part.Ref)
		if err != nil {
			return err
		}
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return errors.Join(err, r.Close())
		}
		j.open, j.current = i, r
		return nil
	}
	return io.EOF
}

func (j *joined) leave() error {
	if j.current == nil {
		return nil
	}
	err := j.current.Close()
	j.current = nil
	return err
}

func (j *joined) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += j.offset
	case io.SeekEnd:
		offset += j.size
	}
	if offset < 0 {
		return 0, errors.New("blob: seek before the start")
	}
	j.offset = offset
	return offset, j.leave()
}

func (j *joined) Close() error { return j.leave() }
