package cassette

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// tap notes what is read of a body, read by read.
type tap struct {
	inner io.ReadCloser
	mu    *sync.Mutex
	take  *take
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.inner.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > 0 {
		t.take.chunks = append(t.take.chunks, bytes.Clone(p[:n]))
	}
	if errors.Is(err, io.EOF) {
		t.take.broken = false
	}
	return n, err
}

func (t *tap) Close() error { return t.inner.Close() }

// playback returns the recorded chunks one per read.
type playback struct {
	ctx    context.Context
	chunks [][]byte
	broken bool
	once   sync.Once
	closed chan struct{}
}

var errClosed = errors.New("the body was closed")

func (b *playback) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, errClosed
	default:
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.chunks) == 0 {
		if !b.broken {
			return 0, io.EOF
		}
		select {
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		case <-b.closed:
			return 0, errClosed
		}
	}
	n := copy(p, b.chunks[0])
	if b.chunks[0] = b.chunks[0][n:]; len(b.chunks[0]) == 0 {
		b.chunks = b.chunks[1:]
	}
	return n, nil
}

func (b *playback) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
