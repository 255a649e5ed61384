// Package script is a model without weights: it answers by rules, so that
// tests, demonstrations and client conformance runs have an upstream that is
// deterministic, needs nothing and can be told to misbehave. It must be
// configured by name and its cards say what it is: vendor "craton", a name
// with "script" in it.
//
// A [Rule] matches the conversation (the last user text exactly, by substring
// or by regular expression; the turn; tool results; images; an earlier user
// text) and says what to answer: text with the matched groups filled in, tool
// calls, JSON for the requested schema, reasoning, delays, or a failure before
// or in mid-stream. The first rule that matches wins. [DefaultRules] lets a
// client exercise everything.
//
// Guarantees: the same request gives the same answer, ids included. Requests
// are not modified. A Model is safe for concurrent use and starts no
// goroutines. Tokens are counted by one documented rule, see [Count].
//
//	m, err := script.New(script.Config{Rules: append([]script.Rule{{
//		When: script.When{Regex: `(?i)my order (\w+)`},
//		Then: script.Then{Text: "Order ${1} is on its way."},
//	}}, script.DefaultRules()...)})
//	if err != nil {
//		return err
//	}
//	stream, err := m.Generate(ctx, &model.Request{
//		Model:    script.ChatModel,
//		Messages: []model.Message{model.UserText("Where is my order 7?")},
//	})
package script
