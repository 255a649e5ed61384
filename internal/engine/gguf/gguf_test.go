package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// file writes a header of version 3.
type file struct{ bytes.Buffer }

func (f *file) num(values ...any) *file {
	for _, v := range values {
		_ = binary.Write(f, binary.LittleEndian, v) // a buffer takes everything
	}
	return f
}

func (f *file) text(s string) *file {
	f.num(uint64(len(s)))
	f.WriteString(s)
	return f
}

func sample() *file {
	f := &file{}
	f.WriteString("GGUF")
	f.num(uint32(3), uint64(2), uint64(9))
	f.text("tokenizer.ggml.tokens").num(uint32(typeArray), uint32(typeString), uint64(2)).text("a").text("bc")
	f.text("tokenizer.ggml.scores").num(uint32(typeArray), uint32(typeFloat32), uint64(2), float32(1), float32(2))
	f.text("general.architecture").num(uint32(typeString)).text("llama")
	f.text("llama.context_length").num(uint32(typeUint32), uint32(2048))
	f.text("general.name").num(uint32(typeString)).text("Tiny")
	f.text("general.organization").num(uint32(typeString)).text("Makers")
	f.text("general.license").num(uint32(typeString)).text("apache-2.0")
	f.text("nested").num(uint32(typeArray), uint32(typeArray), uint64(1), uint32(typeUint8), uint64(3), uint8(1), uint8(2), uint8(3))
	f.text("long").num(uint32(typeString)).text(strings.Repeat("x", maxText+1))
	f.WriteString("the tensors follow")
	return f
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := Read(sample())
	want := Info{Architecture: "llama", Name: "Tiny", Maker: "Makers", Licence: "apache-2.0", ContextTokens: 2048}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole := sample().Bytes()
	whole = whole[:len(whole)-len("the tensors follow")]
	for n := range 400 {
		if _, err := Read(bytes.NewReader(whole[:n])); !errors.Is(err, errFormat) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	for name, head := range map[string]*file{
		"another format": (&file{}).text("{}").num(uint64(0), uint64(0)),
		"an old version": (&file{}).num(uint32(0x46554747), uint32(1), uint64(0), uint64(0)),
		"many entries":   (&file{}).num(uint32(0x46554747), uint32(3), uint64(0), uint64(1)<<60),
		"a huge array":   (&file{}).num(uint32(0x46554747), uint32(3), uint64(0), uint64(1)).text("k").num(uint32(typeArray), uint32(typeUint64), uint64(1)<<62),
		"an odd type":    (&file{}).num(uint32(0x46554747), uint32(3), uint64(0), uint64(1)).text("k").num(uint32(99)),
		"deep arrays": (&file{}).num(uint32(0x46554747), uint32(3), uint64(0), uint64(1)).text("k").num(uint32(typeArray)).
			num(uint32(typeArray), uint64(1), uint32(typeArray), uint64(1), uint32(typeArray), uint64(1), uint32(typeArray), uint64(1), uint32(typeArray), uint64(1)),
	} {
		if _, err := Read(head); !errors.Is(err, errFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample().Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := Read(bytes.NewReader(raw)); err != nil && !errors.Is(err, errFormat) {
			t.Error(err)
		}
	})
}
