package chat

import (
	"regexp"
	"strings"
)

// Format is how a model writes tool calls in its text.
type Format struct {
	Name string
	// Open and Close stand around a call, or around the list of calls. An empty
	// Open means that the answer begins with the call's object.
	Open, Close string
	// Arguments is the key of the call's arguments, beside "name".
	Arguments string
	// List means that Open is followed by a JSON array of calls.
	List bool
	// Control means that Open is a control token, which has text only when
	// pieces are asked for with their special spelling.
	Control bool
}

// The formats that are written and read.
var (
	// Tagged is `<tool_call>{"name":…,"arguments":…}</tool_call>`, repeated for
	// parallel calls; also what models without tool support are told to write.
	Tagged = Format{Name: "tagged", Open: "<tool_call>", Close: "</tool_call>", Arguments: "arguments"}
	// Bare is an answer that is nothing but `{"name":…,"parameters":…}`.
	Bare = Format{Name: "bare", Arguments: "parameters"}
	// Listed is `[TOOL_CALLS][{"name":…,"arguments":…},…]`.
	Listed = Format{Name: "listed", Open: "[TOOL_CALLS]", Arguments: "arguments", List: true, Control: true}
)

// detectFormat recognises the call format of a template from its marks. Formats
// it does not know are answered with false: tools are then described in a
// preamble of our own, which every model can read.
func detectFormat(source string) (Format, bool) {
	has := func(s string) bool { return strings.Contains(source, s) }
	switch {
	case has("<tool_call>") && !has("<function=") && !has("<arg_key>"):
		return Tagged, true
	case has("[TOOL_CALLS]") && !has("[ARGS]"):
		return Listed, true
	case has(`"parameters": dictionary of argument`):
		return Bare, true
	default:
		return Format{}, false
	}
}

// Begins is the index at which a call begins in text, -1 while none does. A
// format without Open knows only answers that are a call from their start.
func (f Format) Begins(text string) int {
	if f.Open != "" {
		return strings.Index(text, f.Open)
	}
	if bareBegin.MatchString(text) {
		return strings.Index(text, "{")
	}
	return -1
}

var bareBegin = regexp.MustCompile(`^\s*\{\s*"name"`)
