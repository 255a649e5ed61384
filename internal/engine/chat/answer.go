package chat

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// AnswerOptions says what an answer may be.
type AnswerOptions struct {
	// Tools are the tools that may be called, in Format.
	Tools  []Tool
	Format Format
	// Parallel allows several calls in one answer.
	Parallel bool
	// Schema allows a JSON answer that satisfies it, beside the calls.
	Schema jsontext.Value
	// Lenient takes Schema as CompileOptions does.
	Lenient bool
	// Thinking lets the answer begin inside a reasoning block and close it.
	Thinking bool
}

// AnswerGrammar makes the grammar of answers that are tool calls, or JSON of a
// schema, or either. Arguments of tools that are not strict are held to as much
// of their schema as can be expressed.
func AnswerGrammar(o AnswerOptions) (string, error) {
	g := newGrammar()
	g.set("root", "")
	var answers []string
	if o.Schema != nil {
		body, err := newCompiler(g, o.Schema, CompileOptions{Lenient: o.Lenient}).compile(o.Schema, "")
		if err != nil {
			return "", err
		}
		answers = append(answers, body)
	}
	if len(o.Tools) > 0 {
		calls, err := g.calls(o)
		if err != nil {
			return "", err
		}
		answers = append(answers, calls)
	}
	root := alternatives(answers)
	if o.Thinking {
		root = g.shared("thinking") + " " + root
	}
	g.set("root", root)
	return g.String(), nil
}

func (g *grammar) calls(o AnswerOptions) (string, error) {
	var objects []string
	ws := g.shared("ws")
	for _, tool := range o.Tools {
		parameters := tool.Parameters
		if len(parameters) == 0 {
			parameters = jsontext.Value(`{"type":"object","properties":{},"additionalProperties":false}`)
		}
		arguments, err := newCompiler(g, parameters, CompileOptions{Lenient: !tool.Strict}).compile(parameters, "")
		if err != nil {
			return "", fmt.Errorf("tool %q: %w", tool.Name, err)
		}
		if !strings.HasPrefix(arguments, "object") && !strings.HasPrefix(arguments, "ref") {
			// Arguments are an object, whatever the schema says or leaves out.
			if tool.Strict {
				return "", fmt.Errorf("tool %q: %w", tool.Name, &SchemaError{Problem: "the arguments of a tool are an object"})
			}
			arguments = g.shared("object")
		}
		objects = append(objects, g.rule("call", `"{" `+ws+` "\"name\":" `+ws+" "+jsonLiteral(tool.Name)+` "," `+ws+
			" "+jsonLiteral(o.Format.Arguments)+` ":" `+ws+" "+arguments+" "+ws+` "}"`))
	}
	call := g.rule("calls", strings.Join(objects, " | "))
	f := o.Format
	switch {
	case f.List && o.Parallel:
		return literal(f.Open) + " " + ws + ` "[" ` + ws + " " + call + ` ("," ` + ws + " " + call + ")* " + ws + ` "]"`, nil
	case f.List:
		return literal(f.Open) + " " + ws + ` "[" ` + ws + " " + call + " " + ws + ` "]"`, nil
	case f.Open == "":
		return call, nil
	}
	tagged := g.rule("tagged", literal(f.Open)+" "+ws+" "+call+" "+ws+" "+literal(f.Close))
	if o.Parallel {
		return tagged + " (" + ws + " " + tagged + ")*", nil
	}
	return tagged, nil
}
