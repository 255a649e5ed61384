// Package model is the hub of Craton: the nouns every dialect, upstream and
// guard speaks. It imports only the standard library, so that a codec, a
// provider and the runtime can each depend on it and on nothing of each other.
//
// A wire dialect decodes its request into a [Request] and encodes [Event]s;
// an upstream does the reverse. With one hub, N dialects and M upstreams need
// N+M codecs. Conversation content is an ordered list of typed [Part]s, and an
// answer is always a [Stream] of events: a non-streamed answer is [Collect] of
// that stream. What the hub does not model travels as [Opaque] and is replayed
// only to the dialect it came from; an encoder that cannot express something
// reports a [Loss] and never drops it silently.
//
// Guarantees: values of this package hold no locks and start no goroutines; a
// [Request] is not modified by a [Provider], so that a caller may send it to a
// second one after a failure.
//
//	stream, err := provider.Generate(ctx, &model.Request{
//		Model:    "script/hello",
//		Messages: []model.Message{model.UserText("Say hello.")},
//	})
//	if err != nil {
//		return err
//	}
//	answer, err := model.Collect(stream)
package model
