// Package invoke translates the native bodies of InvokeModel and
// InvokeModelWithResponseStream: each vendor's own JSON, carried as it is by
// Amazon Bedrock. It is for the edge, which serves these bodies whatever
// upstream really answers, and for the upstream of kind bedrock.
//
// A family (see package family) is a row of function values: decode and encode
// of request and answer, and a stream both ways. Anthropic and OpenAI bodies
// are those dialects' own codecs with Bedrock's differences; Nova's are
// Converse's shapes. Llama, Mistral and Titan text take a prompt: one that
// follows the family's chat template exactly becomes messages, any other text
// becomes one user message, unchanged.
//
// Guarantees are those of package bedrock: pure, no panics, losses reported,
// an early end of a stream is an error. Members a body has beyond those the hub
// models are kept in Request.Extra of model.DialectInvoke (or the vendor's own
// dialect) and written back.
//
//	f := invoke.FamilyOf(modelID, card)
//	req, err := invoke.DecodeRequest(f, body)
//	…
//	answer, losses, err := invoke.EncodeResponse(f, resp, invoke.Options{Model: modelID})
package invoke
