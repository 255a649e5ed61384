package responses

import (
	"strings"

	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// kinds are the item types that the contract has, with the prefix of their ids.
var kinds = map[string]string{
	"message": "msg", "function_call": "fc", "function_call_output": "fco", "custom_tool_call": "ctc",
	"custom_tool_call_output": "ctco", "reasoning": "rs", "file_search_call": "fs", "web_search_call": "ws",
	"computer_call": "cu", "computer_call_output": "cuo", "code_interpreter_call": "ci", "image_generation_call": "ig",
	"local_shell_call": "lsh", "local_shell_call_output": "lsho", "shell_call": "sh", "shell_call_output": "sho",
	"apply_patch_call": "apc", "apply_patch_call_output": "apco", "mcp_list_tools": "mcpl", "mcp_call": "mcp",
	"mcp_approval_request": "mcpr", "mcp_approval_response": "mcpa", "tool_search_call": "tsc", "tool_search_output": "tso",
	"program": "prog", "program_output": "prgo", "compaction": "cmp", "additional_tools": "at",
}

// Known reports whether the contract has items of this type.
func Known(kind string) bool { return kinds[kind] != "" }

// ItemType returns an item's type; a message may leave it out.
func ItemType(item []byte) string {
	if kind := gjson.GetBytes(item, "type"); kind.Type == gjson.String {
		return kind.Str
	}
	return "message"
}

// ItemPrefix begins the ids of items of a type.
func ItemPrefix(kind string) string { return first(kinds[kind], "item") }

// Trim leaves out of an item what is shown only to those who ask for it with
// include.
func Trim(item []byte, include []string) []byte {
	shown := Options{Include: include}
	hidden := ""
	switch ItemType(item) {
	case "reasoning":
		if !shown.Included(includeEncrypted) {
			hidden = "encrypted_content"
		}
	case "file_search_call":
		if !shown.Included(includeResults) {
			hidden = "results"
		}
	}
	if hidden == "" || !gjson.GetBytes(item, hidden).Exists() {
		return item
	}
	var b raw.Builder
	b.Open('{')
	b.Merge(item, func(key string) bool { return key == hidden })
	b.Close('}')
	return b.Bytes
}

// includeResults asks for what a file search found.
const includeResults = "file_search_call.results"

// CheckInclude refuses values of include that the contract does not have.
func CheckInclude(include []string) error {
	for i, what := range include {
		switch what {
		case includeEncrypted, includeLogprobs, includeResults, "web_search_call.results", "web_search_call.action.sources",
			"message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs":
		default:
			e := errorAt(at("include", i), "Invalid value: '%s'. It is none of the values that include has.", shorten(what))
			e.Code = "invalid_value"
			return e
		}
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
