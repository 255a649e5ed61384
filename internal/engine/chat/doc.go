// Package chat turns conversations into prompts and generated text back into
// answers and tool calls, for models that know nothing but text.
//
// It is for the engine child process. A Template renders messages with the
// Jinja template of the model's own file, or with ChatML where there is none
// that works; what a template cannot express (tools, a system message) is
// written out for it. Compile turns a JSON Schema into a GBNF grammar, so that
// what is sampled under it always satisfies the schema; a keyword it cannot
// express is an error that names it. A Parser extracts tool calls from text as
// it streams. The package does no I/O and keeps no state between calls.
//
//	t, _ := chat.NewTemplate(source, chat.Special{BOS: "<s>", EOS: "</s>"})
//	prompt, err := t.Render(chat.Conversation{Messages: messages, Tools: tools, Reply: true})
//	grammar, err := chat.Compile(schema, chat.CompileOptions{})
package chat
