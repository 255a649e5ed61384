// Package anthropic is the upstream that speaks Anthropic's Messages contract:
// messages, count_tokens and models.
//
// It is for the command that wires upstreams, by way of provider/all. A
// Provider refuses a request it cannot express before the upstream is called,
// counts tokens with the model's own tokenizer, passes requests of its own
// dialect through untouched (Relay), and is safe for concurrent use.
//
//	p, err := anthropic.New(provider.Config{
//		Kind: "anthropic", APIKey: provider.StaticKey(os.Getenv("ANTHROPIC_API_KEY")),
//	})
package anthropic
