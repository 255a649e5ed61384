package script

import "time"

// DefaultRules returns the rules a scripted upstream has when none are given.
// In this order, the first that matches wins:
//
//   - "fail 429", "fail overloaded": that error before the first byte;
//     "fail 500 after 3": after three words.
//   - "hang": no byte for an hour. "slow 20": twenty words, 50 ms apart.
//   - After tool results: JSON when a schema is asked for, else a text that
//     quotes the results.
//   - A tool that is forced, or whose name shares a word with the prompt: a call
//     with arguments made from its schema and the prompt's words; where parallel
//     calls are allowed, one for each such tool ("the weather and the time") and
//     each subject of a list ("Paris and London").
//   - A schema is asked for: a value of it made from the prompt's words.
//   - Media: a text that names their number, types and sizes.
//   - "what is my X" after "my X is Y": Y. "what did I say first": that.
//   - "count to 5": the numbers. "say …", "repeat …": the words.
//   - Anything else: "You said: " and the prompt.
func DefaultRules() []Rule {
	yes := true
	return []Rule{
		{Name: "fail in mid-stream", When: When{Regex: `(?i)\bfail ` + failures + ` after (\d+)`},
			Then: Then{Text: "${words:2} and then nothing more", Failure: &Failure{Status: "${1}", After: "${2}"}}},
		{Name: "fail", When: When{Regex: `(?i)\bfail ` + failures},
			Then: Then{Failure: &Failure{Status: "${1}", RetryAfter: time.Second}}},
		{Name: "hang", When: When{Exact: "hang"}, Then: Then{Text: "At last.", FirstDelay: time.Hour}},
		{Name: "slow", When: When{Regex: `(?i)\bslow (\d+)`},
			Then: Then{Text: "${words:1}", Delay: 50 * time.Millisecond}},
		{Name: "result as JSON", When: When{ToolResult: &yes, Schema: &yes}, Then: Then{JSON: true}},
		{Name: "result", When: When{ToolResult: &yes}, Then: Then{Text: "The tools answered: ${results}"}},
		{Name: "call", When: When{RelevantTool: &yes}, Then: Then{Calls: []Call{{Fan: true}}}},
		{Name: "JSON", When: When{Schema: &yes}, Then: Then{JSON: true}},
		{Name: "media", When: When{Media: &yes}, Then: Then{Text: "I received ${media}."}},
		{Name: "recall", When: When{Regex: `(?i)\bwhat(?:'s| is| was) my (\w+)`, History: `(?i)\bmy ${1} is ([\pL\d'-]+)`},
			Then: Then{Text: "Your ${1} is ${h1}."}},
		{Name: "recall first", When: When{Regex: `(?i)what did I (?:say|ask)(?: you)? first`},
			Then: Then{Text: "You first said: ${first}"}},
		{Name: "count", When: When{Regex: `(?i)\bcount (?:from (?:1|one) )?to (\d+)`}, Then: Then{Text: "${count:1}"}},
		{Name: "say", When: When{Regex: `(?is)^(?:please )?(?:say|repeat|echo)(?: exactly)?:? ["“']?(.*?)["”']?[.!]?$`},
			Then: Then{Text: "${1}"}},
		{Name: "echo", Then: Then{Text: "You said: ${prompt}"}},
	}
}

// failures is the group of a status code or the name of a kind of error.
const failures = `(\d{3}|overloaded|timeout|context_length|content_filtered|rate_limited|not_ready|upstream_down|upstream_garbage)\b`
