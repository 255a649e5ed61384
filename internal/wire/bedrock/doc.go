// Package bedrock translates between the hub and the Amazon Bedrock Runtime
// contract: the bodies and event streams of Converse and ConverseStream, the
// bodies of CountTokens, and the errors of every bedrock-runtime operation.
// The native bodies of InvokeModel live in the package invoke beneath it.
//
// It is for the edge, which decodes requests and encodes answers, and for the
// upstream of kind bedrock, which does the reverse. It is pure: bytes in, bytes
// out, without network, clock or credentials; latencies come in as options.
//
// Guarantees: no input makes a decoder panic; content the hub does not model
// becomes model.Opaque and returns verbatim to this dialect; whatever Converse
// cannot express is reported as a model.Loss; a stream that ends early is an
// error, because the AWS SDKs take a closed connection for success.
//
//	req, err := bedrock.DecodeRequest(body)
//	…
//	enc := bedrock.NewEncoder(bedrock.Options{Elapsed: elapsed})
//	buf, err = enc.Append(buf, event)
//	buf = enc.Finish(buf)
package bedrock
