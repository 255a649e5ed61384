package program

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of what passes between the two processes.
const (
	maxCode  = 256 << 10
	maxLine  = 4 << 20
	maxLog   = 64 << 10
	maxValue = 256 << 10
	maxCalls = 1000
	// maxParallel is how many calls are made at once.
	maxParallel = 16
)

// order is a line to the child: the program first, then outcomes of calls.
type order struct {
	Code string `json:"code,omitzero"`
	// Memory is in bytes, Compute in nanoseconds.
	Memory  int64 `json:"memory,omitzero"`
	Compute int64 `json:"compute,omitzero"`
	// N is the call that Value or Error answers.
	N     int            `json:"n"`
	Value jsontext.Value `json:"value,omitzero"`
	Error string         `json:"error,omitzero"`
}

// message is a line from the child. Exactly one member is set.
type message struct {
	// Unsafe says why the child does not run the program.
	Unsafe string  `json:"unsafe,omitzero"`
	Call   *asking `json:"call,omitzero"`
	Log    string  `json:"log,omitzero"`
	End    *ending `json:"end,omitzero"`
}

// asking is a call that the program makes.
type asking struct {
	N         int            `json:"n"`
	Name      string         `json:"name"`
	Arguments jsontext.Value `json:"arguments"`
}

// ending is what a program came to.
type ending struct {
	// Value is what it returned; nil for undefined.
	Value jsontext.Value `json:"value,omitzero"`
	// Error is what it threw, or which limit it passed; empty for none.
	Error string `json:"error,omitzero"`
}

// lines reads and writes lines of JSON. Writing is safe for concurrent use.
type lines struct {
	in *bufio.Reader
	mu sync.Mutex
	w  io.Writer
}

func newLines(r io.Reader, w io.Writer) *lines {
	return &lines{in: bufio.NewReaderSize(r, 64<<10), w: w}
}

var errLine = errors.New("program: a line is too long")

// read reads a line into v.
func (l *lines) read(v any) error {
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return errLine
		case err == nil:
			return json.Unmarshal(line, v)
		case err != bufio.ErrBufferFull:
			return err
		}
	}
}

// write writes v as a line.
func (l *lines) write(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(raw, '\n'))
	return err
}
