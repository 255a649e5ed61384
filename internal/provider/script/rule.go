package script

import "time"

// Rule is one line of the script: when it applies and what then happens.
type Rule struct {
	// Name tells rules apart in messages; may be empty.
	Name string `yaml:"name"`
	When When   `yaml:"when"`
	Then Then   `yaml:"then"`
}

// When says which requests a rule applies to. Every given condition must hold;
// the zero value matches every request. "The prompt" is the text of the last
// user message that holds text.
type When struct {
	// Models lists the model ids the rule is for; empty means all chat models.
	Models []string `yaml:"models"`
	// Exact is the whole prompt, without surrounding white space, whatever the case.
	Exact string `yaml:"exact"`
	// Contains is a part of the prompt, whatever the case.
	Contains string `yaml:"contains"`
	// Regex is an RE2 expression the prompt must match. Its groups are filled
	// into the answer as ${1} or ${name}.
	Regex string `yaml:"regex"`
	// History is an RE2 expression that an earlier user text must match (the
	// latest that does counts). Its groups are filled in as ${h1} or ${name}.
	History string `yaml:"history"`
	// Turn is the number of user messages that are not only tool results,
	// counted from 1; 0 means any.
	Turn int `yaml:"turn"`
	// Rounds is a template of a number, filled in with the groups of Regex: the
	// rule applies while the model has called tools fewer times than that since
	// the last user text. Empty means any, as does what is not a number.
	Rounds string `yaml:"rounds"`
	// ToolResult asks whether the conversation ends in tool results.
	ToolResult *bool `yaml:"tool_result"`
	// Tool is a part of the name of a tool that is offered and may be called,
	// whatever the case.
	Tool string `yaml:"tool"`
	// RelevantTool asks whether a tool may be called and either must be
	// (tool choice) or its name shares a word of three letters or more with the prompt.
	RelevantTool *bool `yaml:"relevant_tool"`
	// Schema asks whether structured output is requested (JSON or a JSON Schema).
	Schema *bool `yaml:"schema"`
	// Media asks whether the last user message holds an image, audio, video or document.
	Media *bool `yaml:"media"`
	// Reasoning asks whether the request turns thinking on.
	Reasoning *bool `yaml:"reasoning"`
}

// Then says what a rule answers, in this order: Failure before the first byte,
// Reasoning, Text or JSON, Calls. Templates may name ${prompt}, ${system},
// ${turn}, ${model}, ${media} (what media the last user message holds),
// ${results} (the tool results at the end of the conversation), ${first} (the
// first user text), the groups of When, and ${words:N} or ${count:N}, N a
// group's name: that many words or numbers.
type Then struct {
	// Text is a template of the answer's text; empty for none.
	Text string `yaml:"text"`
	// JSON answers with a value for the requested JSON Schema, or with
	// {"answer": prompt} where a schema is not given.
	JSON bool `yaml:"json"`
	// Reasoning is a template of the thinking before the answer; it is left
	// out unless the request turns thinking on.
	Reasoning string `yaml:"reasoning"`
	Calls     []Call `yaml:"calls"`
	// Delay is waited before each word of the answer, FirstDelay before the first event.
	Delay      time.Duration `yaml:"delay"`
	FirstDelay time.Duration `yaml:"first_delay"`
	Failure    *Failure      `yaml:"failure"`
	// Stop overrides the reason the answer ends, named as model.StopReason; empty for the true one.
	Stop string `yaml:"stop"`
}

// Call is a tool call to make.
type Call struct {
	// Tool is a part of the wanted tool's name, whatever the case; a template.
	// Empty means the tool the request forces, else the most relevant one.
	Tool string `yaml:"tool"`
	// Arguments is a template of the arguments; empty generates them from the
	// tool's schema and the words of the prompt.
	Arguments string `yaml:"arguments"`
	// Fan makes one call for each relevant tool and each subject the prompt lists
	// ("Paris and London"), where the request allows parallel calls.
	Fan bool `yaml:"fan"`
}

// Failure is an error to answer with.
type Failure struct {
	// Status is a template of the HTTP status whose usual kind the error has
	// (429 is rate limited), or of the kind's name, such as "overloaded".
	Status string `yaml:"status"`
	// Message is a template of what to say; empty for a default.
	Message string `yaml:"message"`
	// After is a template of the number of words sent before the error; empty
	// means before the first byte.
	After string `yaml:"after"`
	// RetryAfter is what the error tells the client to wait; 0 for none.
	RetryAfter time.Duration `yaml:"retry_after"`
}
