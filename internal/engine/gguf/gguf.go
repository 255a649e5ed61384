// Package gguf reads what a GGUF model file says of itself, without loading
// the model. It is for the server, which describes the engine's models before
// its child process has opened them.
//
// It guarantees that a damaged or hostile file costs no more memory than a few
// strings, and is an error, never a panic.
//
//	info, err := gguf.Read(file)
//	fmt.Println(info.Name, info.Maker, info.ContextTokens)
package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Info is what a file says of its model; what it does not say is zero.
type Info struct {
	// Architecture is the family of networks, such as "llama".
	Architecture string
	// Name and Maker are for people.
	Name, Maker string
	Licence     string
	// ContextTokens is the context it was trained for.
	ContextTokens int
}

// Limits of a header that are far beyond real files.
const (
	maxEntries = 1 << 16
	maxText    = 1 << 16
	maxKey     = 1 << 10
	maxDepth   = 4
)

// errFormat is the cause of every refusal of a file's content.
var errFormat = errors.New("the file is not a readable GGUF model")

// The types of values, as the format numbers them.
const (
	typeUint8 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// Read reads the metadata at the beginning of a file. It stops where it ends.
func Read(r io.Reader) (Info, error) {
	h := &header{r: bufio.NewReaderSize(r, 64<<10)}
	magic := h.uint(4)
	version := h.uint(4)
	h.uint(8) // tensors
	entries := h.uint(8)
	switch {
	case h.err != nil:
		return Info{}, h.err
	case magic != 0x46554747: // "GGUF"
		return Info{}, fmt.Errorf("%w: it does not begin with GGUF", errFormat)
	case version < 2 || version > 3:
		return Info{}, fmt.Errorf("%w: version %d", errFormat, version)
	case entries > maxEntries:
		return Info{}, fmt.Errorf("%w: %d entries", errFormat, entries)
	}
	texts, numbers := map[string]string{}, map[string]uint64{}
	for range entries {
		key := h.text(maxKey)
		kind := h.uint(4)
		switch kind {
		case typeString:
			texts[key] = h.text(maxText)
		case typeUint16, typeUint32, typeUint64, typeInt32, typeInt64:
			numbers[key] = h.uint(width(kind))
		default:
			h.skip(kind, 0)
		}
		if h.err != nil {
			return Info{}, h.err
		}
	}
	info := Info{Architecture: texts["general.architecture"], Name: texts["general.name"], Licence: texts["general.license"]}
	info.Maker = texts["general.organization"]
	if info.Maker == "" {
		info.Maker = texts["general.author"]
	}
	if n := numbers[info.Architecture+".context_length"]; n < 1<<31 {
		info.ContextTokens = int(n)
	}
	return info, nil
}

// header reads little-endian values until one fails; then it yields zeros.
type header struct {
	r   *bufio.Reader
	err error
}

func (h *header) fail(err error) {
	if h.err == nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends early", errFormat)
		}
		h.err = err
	}
}

// uint reads an unsigned value of so many bytes, at most eight.
func (h *header) uint(size int) uint64 {
	var raw [8]byte
	if h.err != nil {
		return 0
	}
	if _, err := io.ReadFull(h.r, raw[:size]); err != nil {
		h.fail(err)
		return 0
	}
	return binary.LittleEndian.Uint64(raw[:])
}

// text reads a string; one longer than most is passed over and empty.
func (h *header) text(most uint64) string {
	n := h.uint(8)
	if h.err != nil {
		return ""
	}
	if n > most {
		h.pass(n)
		return ""
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(h.r, raw); err != nil {
		h.fail(err)
		return ""
	}
	return string(raw)
}

// pass leaves out so many bytes.
func (h *header) pass(n uint64) {
	if h.err != nil {
		return
	}
	if n > 1<<40 {
		h.fail(fmt.Errorf("%w: a value of %d bytes", errFormat, n))
		return
	}
	if _, err := io.CopyN(io.Discard, h.r, int64(n)); err != nil {
		h.fail(err)
	}
}

// width is the size of a number's type, 0 for anything else.
func width(kind uint64) int {
	switch kind {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64:
		return 8
	}
	return 0
}

// skip passes over a value.
func (h *header) skip(kind uint64, depth int) {
	switch {
	case h.err != nil:
	case width(kind) > 0:
		h.pass(uint64(width(kind)))
	case kind == typeString:
		h.pass(h.uint(8))
	case kind == typeArray && depth < maxDepth:
		of, n := h.uint(4), h.uint(8)
		if size := width(of); size > 0 {
			if n > 1<<40 {
				h.fail(fmt.Errorf("%w: an array of %d values", errFormat, n))
				return
			}
			h.pass(n * uint64(size))
			return
		}
		for range n {
			if h.skip(of, depth+1); h.err != nil {
				return
			}
		}
	default:
		h.fail(fmt.Errorf("%w: a value of type %d", errFormat, kind))
	}
}
