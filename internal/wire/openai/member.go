package openai

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// MaxDepth is how deep objects and arrays may nest in anything decoded here.
const MaxDepth = 128

// eachMember calls yield for the members of a JSON object: the name without
// escapes, and name and value as they stand. It stops when yield returns
// false. raw must be valid JSON; anything but an object has no members.
func eachMember(raw []byte, yield func(name string, key, value []byte) bool) {
	root := gjson.ParseBytes(raw)
	if !root.IsObject() {
		return
	}
	root.ForEach(func(k, v gjson.Result) bool {
		return yield(k.Str, []byte(k.Raw), []byte(v.Raw))
	})
}

// checkJSON refuses what is not one JSON object within MaxDepth.
func checkJSON(body []byte) error {
	if err := checkDepth(body); err != nil {
		return err
	}
	if !gjson.ValidBytes(body) {
		// It is broken already: now it may cost something to find out where.
		v := jsontext.Value(bytes.Clone(body))
		return notJSON(v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)))
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return notObject()
	}
	return nil
}

func notObject() error {
	return &model.Error{
		Kind: model.Invalid, Code: "invalid_type", Message: "The request body must be a JSON object.",
		Hint: "Send an object such as {\"model\": ..., \"messages\": [...]}.",
	}
}

// checkDepth refuses nesting beyond MaxDepth before any recursive parser sees it.
func checkDepth(body []byte) error {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			end := stringEnd(body[i+1:])
			if end < 0 {
				return nil // left to the parser, which says where
			}
			i += end + 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return &model.Error{
					Kind: model.Invalid, Code: "invalid_json",
					Message: fmt.Sprintf("The JSON nests deeper than %d levels.", MaxDepth),
					Hint:    "Flatten the document.",
				}
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// stringEnd finds the quote that ends a string whose first quote is behind it.
func stringEnd(p []byte) int {
	for off := 0; ; {
		i := bytes.IndexByte(p[off:], '"')
		if i < 0 {
			return -1
		}
		end := off + i
		slashes := 0
		for j := end - 1; j >= 0 && p[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		off = end + 1
	}
}

func notJSON(err error) error {
	e := &model.Error{
		Kind: model.Invalid, Code: "invalid_json", Err: err,
		Message: "We could not parse the JSON body of your request.",
		Hint:    "Check that the body is complete, valid JSON in UTF-8 without repeated member names.",
	}
	var broken *jsontext.SyntacticError
	if errors.As(err, &broken) {
		e.Hint = fmt.Sprintf("At byte %d: %v. ", broken.ByteOffset, broken.Err) + e.Hint
	}
	return e
}
