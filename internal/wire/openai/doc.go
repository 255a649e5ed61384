// Package openai is the codec of OpenAI's Chat Completions, Embeddings and
// Models contracts (https://platform.openai.com/docs/api-reference), bytes to
// the hub (package model) and back. It is for the edge, which serves the
// contract, and for upstreams that speak it: OpenAI and the many compatible
// servers, whose deviations it reads too (reasoning_content, missing [DONE],
// usage in every chunk, tool calls without index).
//
// It is pure: no network, clock or ids. It guarantees that no input panics,
// that what the hub does not model is kept as Opaque and replayed verbatim to
// this dialect, that an encoder names everything it cannot express as a
// [model.Loss], and that a decoded stream obeys the hub's event order however
// its bytes were split.
//
// For requests that stay in this dialect there is a fast lane that leaves the
// bytes alone: [Peek], [RewriteModel], [AskUsage], [UsageScanner], [UsageFilter].
//
//	req, opts, err := openai.DecodeRequest(body)
//	if err != nil {
//		status, answer := openai.EncodeError(model.AsError(err))
//		…
//	}
//	enc := openai.NewEncoder(openai.EncoderOptions{ID: id, Created: now, Model: req.Model, IncludeUsage: opts.IncludeUsage})
//	buf, err = enc.Append(buf[:0], event)
package openai
