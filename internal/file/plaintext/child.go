package plaintext

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/confine"
	"github.com/craton-ai/craton/internal/model"
)

// The bounds of one document.
const (
	// MaxDocument is how large a document may be, in bytes.
	MaxDocument = 64 << 20
	// DefaultMemory bounds the memory of a child, in bytes: as much as it takes to
	// read [MaxText] out of one piece. DefaultChildren is how many read at once.
	DefaultMemory   = 320 << 20
	DefaultChildren = 2
	// MinMemory is the least a child can work with.
	MinMemory = 64 << 20

	maxTime   = 30 * time.Second
	maxHeader = 64 << 10
	// maxReason bounds why a document cannot be read, which may quote it.
	maxReason = 200
)

// order is the first line that the child reads; the document follows. What it
// comes to is the first line of the answer; the text follows.
type order struct {
	Kind string `json:"kind"`
	Size int    `json:"size"`
	// Memory is in bytes.
	Memory int64 `json:"memory"`
}

type ending struct {
	Error string `json:"error,omitzero"`
	// Unsafe says that the child could not give up its rights.
	Unsafe bool `json:"unsafe,omitzero"`
}

// Main is the child process: it reads one document from in, gives up what it
// does not need, writes the text to out, and returns the exit status. It must
// have the process to itself, since it gives up the rights of all of it.
func Main(in io.Reader, out io.Writer) int {
	var first order
	r := bufio.NewReaderSize(in, maxHeader)
	line, err := r.ReadSlice('\n')
	if err != nil || json.Unmarshal(line, &first) != nil || first.Size < 0 || first.Size > MaxDocument {
		return 1
	}
	data := make([]byte, first.Size)
	if _, err := io.ReadFull(r, data); err != nil {
		return 1
	}
	if err := confine.Process(confine.Limits{Memory: first.Memory, Processor: maxTime}); err != nil {
		return say(out, ending{Error: err.Error(), Unsafe: true}, "")
	}
	debug.SetMemoryLimit(first.Memory / 2)
	text, err := extract(first.Kind, data)
	if err != nil {
		return say(out, ending{Error: err.Error()}, "")
	}
	return say(out, ending{}, text)
}

func say(out io.Writer, e ending, text string) int {
	head, err := json.Marshal(e)
	if err != nil {
		return 1
	}
	if _, err := io.WriteString(out, string(head)+"\n"+text); err != nil {
		return 1
	}
	return 0
}

// Limits is what a [Reader] may cost. The product of the two is what its children
// hold at worst.
type Limits struct {
	// Memory bounds a child, in bytes; [DefaultMemory] where it is 0.
	Memory int64
	// Children is how many there are at once; [DefaultChildren] where it is 0.
	Children int
}

// Reader reads documents in child processes, a few at a time, and keeps the texts
// it read last. It is safe for concurrent use.
type Reader struct {
	memory int64
	path   string
	args   []string
	turns  chan struct{}
	shelf  shelf
}

// NewReader returns a Reader whose children are a command whose main is [Main].
func NewReader(limits Limits, path string, args ...string) *Reader {
	return &Reader{memory: cmp.Or(limits.Memory, DefaultMemory), path: path, args: args,
		turns: make(chan struct{}, cmp.Or(limits.Children, DefaultChildren))}
}

// Reads is [Reads].
func (*Reader) Reads(kind string) bool { return Reads(kind) }

// Text returns the text of a document of the given media type, at most
// [MaxText] bytes of it. Errors are *model.Error: Invalid for a document that
// cannot be read, TooLarge for one above [MaxDocument] or its limits of memory
// and time, Unsupported where this system cannot confine the child.
func (r *Reader) Text(ctx context.Context, kind string, data []byte) (string, error) {
	if len(data) > MaxDocument {
		return "", model.Errorf(model.TooLarge, "", "The document is larger than %d MiB.", MaxDocument>>20)
	}
	key := keyOf(kind, data)
	if text, ok := r.shelf.get(key); ok {
		return text, nil
	}
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return "", model.AsError(context.Cause(ctx))
	}
	text, err := r.read(ctx, kind, data)
	if err == nil {
		r.shelf.put(key, text)
	}
	return text, err
}

// keyOf names a document on the shelf.
func keyOf(kind string, data []byte) (key [sha256.Size]byte) {
	h := sha256.New()
	_, _ = io.WriteString(h, kind+"\n") // a hash never fails
	_, _ = h.Write(data)
	h.Sum(key[:0])
	return key
}

// read has a child read one document.
func (r *Reader) read(ctx context.Context, kind string, data []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*maxTime)
	defer cancel()
	head, err := json.Marshal(order{Kind: kind, Size: len(data), Memory: r.memory})
	if err != nil {
		return "", model.Wrap(model.Internal, "plaintext.Text", err)
	}
	cmd := exec.CommandContext(ctx, r.path, r.args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{"TZ=UTC", "GOMAXPROCS=1"}, "/", time.Second
	cmd.Stdin = io.MultiReader(bytes.NewReader(append(head, '\n')), bytes.NewReader(data))
	said := &bounded{most: MaxText + MaxText/8 + maxHeader}
	cmd.Stdout = said
	ended := cmd.Run()
	if err := context.Cause(ctx); err != nil {
		return "", model.AsError(err)
	}
	line, text, ok := strings.Cut(said.b.String(), "\n")
	var e ending
	var killed *exec.ExitError
	switch {
	case ended != nil && !errors.As(ended, &killed) && !ok:
		return "", model.Wrap(model.Internal, "plaintext.Text", ended)
	case !ok || json.Unmarshal([]byte(line), &e) != nil:
		return "", &model.Error{Kind: model.TooLarge, Op: "plaintext.Text", Message: "The document takes too much memory or time to read.", Err: ended}
	case e.Unsafe:
		return "", &model.Error{Kind: model.Unsupported, Op: "plaintext.Text", Message: "This server cannot read documents safely.", Err: errors.New(e.Error)}
	case e.Error != "":
		return "", &model.Error{Kind: model.Invalid, Op: "plaintext.Text", Message: fmt.Sprintf("The document cannot be read: %s.", clip(e.Error, maxReason))}
	}
	return clip(text, MaxText), nil
}

// clip cuts what a child says, who may say anything, to valid text of a length.
func clip(s string, most int) string {
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

// bounded keeps what a child says, and fails when it says too much.
type bounded struct {
	b    strings.Builder
	most int
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.most {
		return 0, errors.New("plaintext: the child says too much")
	}
	return w.b.Write(p)
}
