// Package anthropic is the codec between Anthropic's Messages dialect and the
// hub: bytes in, hub values out, and back. The edge uses DecodeRequest and the
// encoders of answers; an upstream of that dialect uses EncodeRequest and the
// decoders of answers.
//
// Guarantees: no network, no clock, no ids of its own; no input makes it
// panic; a request or answer of the dialect survives decoding and encoding;
// what the hub does not model is kept as model.Opaque of
// model.DialectAnthropic and replayed verbatim; what the dialect cannot
// express is reported as a model.Loss.
//
//	req, err := anthropic.DecodeRequest(body)
//	if err != nil {
//		status, answer := anthropic.EncodeError(model.AsError(err), requestID)
//		...
//	}
//	enc := anthropic.NewEncoder(anthropic.ResponseOptions{ID: "msg_01", Model: req.Model})
//	for {
//		ev, err := stream.Next()
//		if err != nil { // io.EOF ends it
//			buf = enc.Finish(buf)
//			break
//		}
//		buf, err = enc.Append(buf, ev)
//		...
//	}
package anthropic
