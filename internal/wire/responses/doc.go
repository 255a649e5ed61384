// Package responses is the codec between OpenAI's Responses dialect and the
// hub: create requests, items, response objects and their event streams. The
// edge uses DecodeRequest and the encoders of answers, the journal the items,
// an upstream of that dialect EncodeRequest and the decoders of answers.
//
// Guarantees: no network, no clock, no randomness; no input makes it panic;
// item types the hub lacks are kept as model.Opaque of
// model.DialectOpenAIResponses and replayed verbatim; what the dialect cannot
// express is reported as a model.Loss; sequence numbers are dense.
//
//	req, opts, err := responses.DecodeRequest(body, nil)
//	...
//	enc := responses.NewEncoder(responses.ResponseOptions{ID: id, Created: now, Request: req, Options: opts})
//	buf = enc.Start(buf) // response.created, response.in_progress
//	buf, err = enc.Append(buf, ev) // for each event
//	buf = enc.Finish(buf, doneAt)  // response.completed and data: [DONE]
package responses
