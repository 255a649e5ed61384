//go:build cgo && (linux || darwin)

package llama

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

func rawContextOpen(m rawModel, p ContextParams) (rawContext, error) {
	options := C.craton_context_options{
		context: C.uint32_t(p.ContextTokens), batch: C.uint32_t(p.BatchTokens),
		microbatch: C.uint32_t(p.MicroBatchTokens), sequences: C.uint32_t(p.Sequences),
		threads: C.int32_t(p.Threads), batch_threads: C.int32_t(p.BatchThreads),
		pooling: C.int32_t(p.Pooling), attention: -1, embeddings: C.bool(p.Embeddings),
	}
	rawForgetLog()
	c := C.craton_context_open(m, &options)
	if c == nil {
		return nil, rawLogError()
	}
	return c, nil
}

func rawContextClose(c rawContext)     { C.craton_context_close(c) }
func rawContextSize(c rawContext) int  { return int(C.craton_context_size(c)) }
func rawContextBatch(c rawContext) int { return int(C.craton_context_batch(c)) }

func rawContextThreads(c rawContext, n int) { C.craton_context_threads(c, C.int32_t(n)) }

func rawContextPooling(c rawContext) Pooling { return Pooling(C.craton_context_pooling(c)) }

func rawDecode(c rawContext, tokens, pos, seq []int32, output []int8, encode bool) int {
	return int(C.craton_decode(c, C.int32_t(len(tokens)), (*C.int32_t)(&tokens[0]), (*C.int32_t)(&pos[0]),
		(*C.int32_t)(&seq[0]), (*C.int8_t)(&output[0]), C.bool(encode)))
}

func rawLogits(c rawContext, index, vocabulary int) []float32 {
	p := C.craton_logits(c, C.int32_t(index))
	if p == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), vocabulary)
}

func rawEmbeddingSeq(c rawContext, sequence, width int) []float32 {
	return copyVector(C.craton_embedding_seq(c, C.int32_t(sequence)), width)
}

func rawEmbeddingAt(c rawContext, index, width int) []float32 {
	return copyVector(C.craton_embedding_at(c, C.int32_t(index)), width)
}

func copyVector(p *C.float, width int) []float32 {
	if p == nil {
		return nil
	}
	return slices.Clone(unsafe.Slice((*float32)(unsafe.Pointer(p)), width))
}

func rawSeqRemove(c rawContext, sequence int, from, to int32) bool {
	return bool(C.craton_seq_remove(c, C.int32_t(sequence), C.int32_t(from), C.int32_t(to)))
}

func rawSeqCopy(c rawContext, source, target int, from, to int32) {
	C.craton_seq_copy(c, C.int32_t(source), C.int32_t(target), C.int32_t(from), C.int32_t(to))
}

func rawSeqKeep(c rawContext, sequence int) { C.craton_seq_keep(c, C.int32_t(sequence)) }

func rawSeqLast(c rawContext, sequence int) int32 {
	return int32(C.craton_seq_last(c, C.int32_t(sequence)))
}

func rawStateGet(c rawContext, sequence int) []byte {
	size := C.craton_state_size(c, C.int32_t(sequence))
	if size == 0 {
		return nil
	}
	out := make([]byte, int(size))
	n := C.craton_state_get(c, (*C.uint8_t)(&out[0]), size, C.int32_t(sequence))
	return out[:int(n)]
}

func rawStateSet(c rawContext, state []byte, sequence int) int {
	rawForgetLog()
	return int(C.craton_state_set(c, (*C.uint8_t)(&state[0]), C.size_t(len(state)), C.int32_t(sequence)))
}

func rawSamplerOpen(m rawModel, p SamplerParams) (rawSampler, error) {
	options := C.craton_sampler_options{
		temperature: C.float(p.Temperature), top_p: C.float(p.TopP), min_p: C.float(p.MinP),
		penalty_repeat: C.float(p.RepeatPenalty), penalty_frequency: C.float(p.FrequencyPenalty),
		penalty_presence: C.float(p.PresencePenalty), top_k: C.int32_t(p.TopK),
		penalty_last_n: C.int32_t(p.PenaltyWindow), seed: C.uint32_t(p.Seed), n_bias: C.int32_t(len(p.Bias)),
	}
	if len(p.Bias) > 0 {
		bias := (*C.craton_logit_bias)(C.malloc(C.size_t(len(p.Bias)) * C.sizeof_craton_logit_bias))
		defer C.free(unsafe.Pointer(bias))
		for i, b := range p.Bias {
			unsafe.Slice(bias, len(p.Bias))[i] = C.craton_logit_bias{token: C.int32_t(b.Token), bias: C.float(b.Bias)}
		}
		options.bias = bias
	}
	if p.Grammar != "" {
		options.grammar = C.CString(p.Grammar)
		defer C.free(unsafe.Pointer(options.grammar))
	}
	rawForgetLog()
	s := C.craton_sampler_open(m, &options)
	if s == nil {
		return nil, fmt.Errorf("%w: %w", ErrGrammar, rawLogError())
	}
	return s, nil
}

func rawSamplerClose(s rawSampler)           { C.craton_sampler_close(s) }
func rawSamplerAccept(s rawSampler, t Token) { C.craton_sampler_accept(s, C.int32_t(t)) }

func rawSamplerSample(s rawSampler, c rawContext, index int) int32 {
	return int32(C.craton_sampler_sample(s, c, C.int32_t(index)))
}

func rawSamplerFeed(s rawSampler, t Token) bool {
	return bool(C.craton_sampler_feed(s, C.int32_t(t)))
}

func rawSamplerGrammar(s rawSampler, m rawModel, source string) bool {
	if source == "" {
		return bool(C.craton_sampler_grammar(s, m, nil))
	}
	text := C.CString(source)
	defer C.free(unsafe.Pointer(text))
	rawForgetLog()
	return bool(C.craton_sampler_grammar(s, m, text))
}
