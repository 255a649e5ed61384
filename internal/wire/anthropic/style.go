package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// style words decoding errors as Anthropic's API does: "path: Input should be …".
var style = raw.Style{
	Type: func(path, want, _ string) string { return label(path) + "Input should be " + wanted(want) },
	Missing: func(path string) string {
		return label(path) + "Field required"
	},
	Syntax: func(detail string) string {
		return "The request body is not valid JSON: " + detail
	},
}

func label(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func wanted(want string) string {
	switch want {
	case "a string":
		return "a valid string"
	case "an object":
		return "a valid dictionary"
	case "an array":
		return "a valid list"
	case "an integer":
		return "a valid integer"
	case "a number":
		return "a valid number"
	case "a boolean":
		return "a valid boolean"
	}
	return want
}

// refuse is an Invalid error about v in the dialect's wording.
func refuse(v raw.Value, text string) *model.Error {
	return v.Error("%s%s", label(v.Path()), text)
}

// need stores a required string member of an object.
func need(v raw.Value, name string, dst *string) error {
	m := v.Get(name)
	if !m.Exists() {
		return v.Missing(name)
	}
	if m.IsNull() {
		return m.WrongType("a string")
	}
	return m.String(dst)
}
