// Package modeltest says what it means to be a model.Provider, and checks it.
//
// [Run] is the conformance suite: it drives a subject through text,
// conversation, streams, tools, structured output, media, limits, usage,
// failures, cancellation and concurrency, and asserts the promises of package
// model. A [Profile] says which capabilities apply, so that an implementation
// joins in a few lines. [CheckOrder] is the grammar of event streams, for
// tests of codecs. [Faulty] wraps a Provider to inject faults.
//
// Guarantees: every check is independent, runs in parallel with the others and
// waits on conditions, never on time alone. A subject that answers by the rules
// of the script model, through whatever codecs, is also checked for meaning.
//
//	func TestConformance(t *testing.T) {
//		modeltest.Run(t, modeltest.Profile{
//			New:          func(testing.TB) model.Provider { return newProvider() },
//			Model:        "m",
//			Capabilities: []model.Capability{model.CanStream, model.CanTools},
//		})
//	}
package modeltest
