// Package bedrock is the upstream that speaks Amazon Bedrock's contracts:
// Converse, ConverseStream, CountTokens, InvokeModel for embeddings, and the
// lists of models. Requests are signed (Signature Version 4) with keys that are
// configured, stand in the environment or in the shared files, or carry a
// Bedrock API key; the metadata service of a machine is never asked.
//
// It is for the command that wires upstreams, by way of provider/all. A
// Provider refuses a request it cannot express before the upstream is called,
// passes requests of its own dialect through untouched (Relay), and is safe for
// concurrent use.
//
//	p, err := bedrock.New(provider.Config{
//		Kind: "bedrock", Region: "eu-central-1",
//		AWS: provider.AWS{Getenv: os.Getenv, ReadFile: os.ReadFile},
//	})
package bedrock
