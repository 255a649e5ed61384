package responses

import (
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// dialect marks what this package keeps verbatim.
const dialect = model.DialectOpenAIResponses

// style words decoding errors as OpenAI's API does. Paths are dotted in
// Subject, as everywhere in Craton, and bracketed in the text.
var style = raw.Style{
	Type: func(path, want, got string) string {
		if path == "" {
			return "The request body must be a JSON object."
		}
		return fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", raw.Bracketed(path), want, got)
	},
	Missing: func(path string) string {
		return fmt.Sprintf("Missing required parameter: '%s'.", raw.Bracketed(path))
	},
	Syntax: func(detail string) string {
		return "We could not parse the JSON body of your request: " + detail + "."
	},
	TypeCode: "invalid_type", MissingCode: "missing_required_parameter",
}

// invalid is an error about v's value.
func invalid(v raw.Value, code, format string, args ...any) *model.Error {
	e := v.Error("Invalid '%s': %s", raw.Bracketed(v.Path()), fmt.Sprintf(format, args...))
	e.Code = code
	return e
}

// oneOf refuses a value that is none of the allowed ones.
func oneOf(v raw.Value, allowed ...string) error {
	for _, a := range allowed {
		if v.Text() == a {
			return nil
		}
	}
	e := v.Error("Invalid value: '%s'. Supported values are: '%s'.", v.Text(), strings.Join(allowed, "', '"))
	e.Code = "invalid_value"
	return e
}

// need stores a required string member of an object.
func need(v raw.Value, name string, dst *string) error {
	m := v.Get(name)
	if !m.Given() {
		return v.Missing(name)
	}
	return m.String(dst)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// garbage is an upstream's answer that breaks the contract.
func garbage(err error) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/responses", Err: err,
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
