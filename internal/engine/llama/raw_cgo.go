//go:build cgo && (linux || darwin)

package llama

/*
#cgo linux LDFLAGS: -ldl
#cgo CFLAGS: -O2 -Wall
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"
)

const rawAvailable = true

type (
	rawModel   = unsafe.Pointer
	rawContext = unsafe.Pointer
	rawSampler = unsafe.Pointer
)

func rawOpen(dir string, files []string) error {
	cDir := C.CString(dir)
	defer C.free(unsafe.Pointer(cDir))
	list := (**C.char)(C.malloc(C.size_t(len(files)) * C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	defer C.free(unsafe.Pointer(list))
	names := unsafe.Slice(list, len(files))
	for i, f := range files {
		names[i] = C.CString(f)
		defer C.free(unsafe.Pointer(names[i]))
	}
	var why [512]C.char
	if !C.craton_open(cDir, list, C.int(len(files)), &why[0], C.size_t(len(why))) {
		return errors.New(C.GoString(&why[0]))
	}
	return nil
}

func rawVersion() string   { return C.GoString(C.craton_version()) }
func rawSupportsGPU() bool { return bool(C.craton_supports_gpu()) }

// rawLogError turns what the library logged last into an error.
func rawLogError() error {
	var text [4096]C.char
	C.craton_take_log(&text[0], C.size_t(len(text)))
	if s := strings.TrimSpace(C.GoString(&text[0])); s != "" {
		return errors.New(strings.ReplaceAll(s, "\n", "; "))
	}
	return errors.New("the library gives no reason")
}

// rawForgetLog drops what earlier calls logged, so that the next error carries
// its own reason.
func rawForgetLog() { _ = rawLogError() }

func rawModelOpen(path string, p ModelParams) (rawModel, error) {
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	load := C.int32_t(-1)
	if p.Lock {
		load = 3
	}
	rawForgetLog()
	m := C.craton_model_open(cPath, C.int32_t(p.GPULayers), load, C.bool(p.VocabularyOnly))
	if m == nil {
		return nil, rawLogError()
	}
	return m, nil
}

func rawModelClose(m rawModel) { C.craton_model_close(m) }

func rawModelInfo(m rawModel, weights bool) ModelInfo {
	var c C.craton_model_info
	C.craton_model_describe(m, C.bool(weights), &c)
	return ModelInfo{
		ContextTrain: int(c.context_train), Embedding: int(c.embedding), Layers: int(c.layers),
		Heads: int(c.heads), HeadsKV: int(c.heads_kv), SlidingWindow: int(c.sliding_window),
		Vocabulary: int(c.vocab_size), Parameters: uint64(c.parameters), Bytes: uint64(c.bytes),
		BOS: Token(c.bos), EOS: Token(c.eos), EOT: Token(c.eot), AddBOS: bool(c.add_bos),
		Encoder: bool(c.has_encoder), Decoder: bool(c.has_decoder), Recurrent: bool(c.recurrent),
		Hybrid: bool(c.hybrid), Diffusion: bool(c.diffusion),
	}
}

func rawModelDescription(m rawModel) string {
	var buf [256]C.char
	C.craton_model_desc(m, &buf[0], C.size_t(len(buf)))
	return C.GoString(&buf[0])
}

func rawModelMeta(m rawModel, key string) (string, bool) {
	cKey := C.CString(key)
	defer C.free(unsafe.Pointer(cKey))
	var small [128]C.char
	n := C.craton_model_meta(m, cKey, &small[0], C.size_t(len(small)))
	if n < 0 {
		return "", false
	}
	if int(n) < len(small) {
		return C.GoStringN(&small[0], C.int(n)), true
	}
	buf := make([]byte, int(n)+1)
	C.craton_model_meta(m, cKey, (*C.char)(unsafe.Pointer(&buf[0])), C.size_t(len(buf)))
	return string(buf[:n]), true
}

func rawTokenize(m rawModel, text string, o TokenizeOptions) ([]Token, error) {
	out := make([]Token, len(text)/2+8)
	data := unsafe.StringData(text)
	if text == "" {
		data = new(byte)
	}
	for range 2 {
		n := C.craton_tokenize(m, (*C.char)(unsafe.Pointer(data)), C.int32_t(len(text)),
			(*C.int32_t)(unsafe.Pointer(&out[0])), C.int32_t(len(out)), C.bool(o.AddSpecial), C.bool(o.ParseSpecial))
		if n >= 0 {
			return out[:n], nil
		}
		if n == -2147483648 {
			break
		}
		out = make([]Token, -n)
	}
	return nil, errors.New("the text has too many tokens")
}

func rawPiece(m rawModel, t Token, special bool) []byte {
	buf := make([]byte, 32)
	n := C.craton_piece(m, C.int32_t(t), (*C.char)(unsafe.Pointer(&buf[0])), C.int32_t(len(buf)), C.bool(special))
	if n < 0 {
		buf = make([]byte, -n)
		n = C.craton_piece(m, C.int32_t(t), (*C.char)(unsafe.Pointer(&buf[0])), C.int32_t(len(buf)), C.bool(special))
	}
	return buf[:max(n, 0)]
}

func rawIsEnd(m rawModel, t Token) bool     { return bool(C.craton_is_end(m, C.int32_t(t))) }
func rawIsControl(m rawModel, t Token) bool { return bool(C.craton_is_control(m, C.int32_t(t))) }
