package model

// Capability is something a model can do. Capabilities are data: code asks a
// Card, never a model's name.
type Capability string

// The capabilities a Card may list.
const (
	CanChat          Capability = "chat"
	CanStream        Capability = "streaming"
	CanTools         Capability = "tools"
	CanParallelTools Capability = "parallel_tools"
	CanStrictTools   Capability = "strict_tools"
	CanSchema        Capability = "structured_output"
	CanReason        Capability = "reasoning"
	CanSeeImages     Capability = "image_input"
	CanHearAudio     Capability = "audio_input"
	CanSpeak         Capability = "audio_output"
	CanReadDocuments Capability = "document_input"
	CanWatchVideo    Capability = "video_input"
	CanCache         Capability = "prompt_cache"
	CanLogprobs      Capability = "logprobs"
	CanSeed          Capability = "seed"
	CanEmbed         Capability = "embeddings"
	CanCount         Capability = "count_tokens"
)

// Price is nano-USD per token of each kind; 0 means free or not sold.
type Price struct {
	Input, CacheRead, CacheWrite5m, CacheWrite1h int64
	Output, Reasoning, AudioInput, AudioOutput   int64
	// AsOf is the date of the price list, YYYY-MM-DD; empty when unknown.
	AsOf string
	// Known is false where no price is known: cost is then reported as unknown, not as zero.
	Known bool
}

// Card describes a model.
type Card struct {
	// ID is the vendor's id, such as "anthropic.claude-sonnet-4-5-20250929-v1:0" or "gpt-5.1".
	ID string
	// Name is what people call it.
	Name string
	// Upstream is the configured upstream that serves it; empty in the catalogue.
	Upstream string
	// Vendor is who made it, such as "anthropic".
	Vendor string
	// Family names the native InvokeModel body: "anthropic", "openai", "nova",
	// "llama", "mistral", "titan-embed", "cohere-embed" or empty.
	Family string
	// Aliases are other ids of the same model.
	Aliases []string
	// AliasOf is upstream/model where ID is the operator's own name for it.
	AliasOf string
	// ContextTokens bounds input plus output, MaxOutputTokens output; 0 unknown.
	ContextTokens   int
	MaxOutputTokens int
	// Input and Output list modalities: "text", "image", "audio", "video", "document", "embedding".
	Input, Output []string
	Capabilities  []Capability
	// Dimensions is an embedding model's vector size.
	Dimensions int
	Licence    string
	Price      Price
	// Regions lists where the vendor serves it; empty means unknown or everywhere.
	Regions []string
	// Created is the release time in Unix seconds, 0 unknown; Deprecated marks models about to end.
	Created    int64
	Deprecated bool
	// Dialects lists the dialects its upstream natively speaks for it.
	Dialects []Dialect
}

// Can reports whether the card lists c.
func (card *Card) Can(c Capability) bool {
	for _, have := range card.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}
