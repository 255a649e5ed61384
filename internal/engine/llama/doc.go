// Package llama binds the llama.cpp inference library at run time.
//
// It is for the engine child process, which loads GGUF models and generates
// text with them. The library is opened with dlopen from a directory chosen by
// the caller, so that Craton builds with nothing but a C compiler and runs with
// whichever build of the library (CPU variants, CUDA, Vulkan, Metal) was
// installed. The release it was written for is pinned in layout.h: Load
// compares the library's version and its default parameters, at their offsets,
// with the values known for that release, and refuses anything else with the
// reason, because parameters travel by value and a wrong layout would corrupt
// memory silently.
//
// Without cgo, or on a system without dlopen, the package still builds and Load
// answers ErrUnavailable.
//
// A Context and its Samplers belong to one goroutine at a time. A Model may be
// used from several goroutines for tokenising. Close what was opened in reverse
// order: samplers, contexts, models.
//
//	lib, err := llama.Load("/opt/craton/engine")
//	model, err := lib.OpenModel("model.gguf", llama.ModelParams{GPULayers: -1})
//	ctx, err := model.NewContext(llama.ContextParams{ContextTokens: 2048, Sequences: 1, Threads: 2})
//	tokens, err := model.Tokenize("Hello", llama.TokenizeOptions{AddSpecial: true})
package llama
