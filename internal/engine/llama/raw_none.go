//go:build !cgo || !(linux || darwin)

package llama

// Load refuses in this build, so nothing below is ever reached with a handle;
// each function answers the empty value of its kind.

const rawAvailable = false

type (
	rawModel   struct{}
	rawContext struct{}
	rawSampler struct{}
)

func rawOpen(string, []string) error { return ErrUnavailable }
func rawVersion() string             { return "" }
func rawSupportsGPU() bool           { return false }
func rawLogError() error             { return ErrUnavailable }

func rawModelOpen(string, ModelParams) (rawModel, error)             { return rawModel{}, ErrUnavailable }
func rawModelClose(rawModel)                                         {}
func rawModelInfo(rawModel, bool) ModelInfo                          { return ModelInfo{} }
func rawModelDescription(rawModel) string                            { return "" }
func rawModelMeta(rawModel, string) (string, bool)                   { return "", false }
func rawTokenize(rawModel, string, TokenizeOptions) ([]Token, error) { return nil, ErrUnavailable }
func rawPiece(rawModel, Token, bool) []byte                          { return nil }
func rawIsEnd(rawModel, Token) bool                                  { return false }
func rawIsControl(rawModel, Token) bool                              { return false }

func rawContextOpen(rawModel, ContextParams) (rawContext, error)    { return rawContext{}, ErrUnavailable }
func rawContextClose(rawContext)                                    {}
func rawContextSize(rawContext) int                                 { return 0 }
func rawContextThreads(rawContext, int)                             {}
func rawContextBatch(rawContext) int                                { return 0 }
func rawContextPooling(rawContext) Pooling                          { return PoolingNone }
func rawDecode(_ rawContext, _, _, _ []int32, _ []int8, _ bool) int { return -1 }
func rawLogits(rawContext, int, int) []float32                      { return nil }
func rawEmbeddingSeq(rawContext, int, int) []float32                { return nil }
func rawEmbeddingAt(rawContext, int, int) []float32                 { return nil }
func rawSeqRemove(_ rawContext, _ int, _, _ int32) bool             { return false }
func rawSeqCopy(_ rawContext, _, _ int, _, _ int32)                 {}
func rawSeqKeep(rawContext, int)                                    {}
func rawSeqLast(rawContext, int) int32                              { return -1 }
func rawStateGet(rawContext, int) []byte                            { return nil }
func rawStateSet(rawContext, []byte, int) int                       { return 0 }

func rawSamplerOpen(rawModel, SamplerParams) (rawSampler, error) { return rawSampler{}, ErrUnavailable }
func rawSamplerClose(rawSampler)                                 {}
func rawSamplerAccept(rawSampler, Token)                         {}
func rawSamplerSample(rawSampler, rawContext, int) int32         { return -2 }
func rawSamplerFeed(rawSampler, Token) bool                      { return false }

func rawSamplerGrammar(rawSampler, rawModel, string) bool { return false }
