// Package table is the compact form in which an AWS service model is kept:
// what the generator writes and the contract package loads. It holds names,
// shapes and constraints, and no prose of the model.
//
// A table is one JSON document with an operation or a shape on each line, so
// that a new model version shows as a readable change. The package guarantees
// that Write's output is the same for the same table and that Read refuses
// members it does not know, so generator and loader cannot drift apart.
//
//	t, err := table.Read(data)
//	t.Operations[0].Name // "ApplyGuardrail"
package table

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Format is the version of the form; Read refuses others.
const Format = 1

// Table is one service.
type Table struct {
	Format      int    `json:"format"`
	Source      string `json:"source"` // where the model came from: "botocore 1.44.5"
	Name        string `json:"name"`   // endpoint prefix: "bedrock-runtime"
	ID          string `json:"id"`     // serviceId: "Bedrock Runtime"
	APIVersion  string `json:"apiVersion"`
	SigningName string `json:"signingName"`
	Bearer      bool   `json:"bearer,omitzero"` // API keys are accepted beside signatures

	Operations []Operation `json:"operations"` // sorted by name
	Shapes     []Shape     `json:"shapes"`     // sorted by name
}

// Operation is one operation. Shape names may be empty.
type Operation struct {
	Name       string   `json:"n"`
	Method     string   `json:"m"`
	URI        string   `json:"u"`
	Status     int      `json:"s,omitzero"` // default 200
	Input      string   `json:"i,omitzero"`
	Output     string   `json:"o,omitzero"`
	Errors     []string `json:"e,omitzero"`
	Idempotent bool     `json:"idem,omitzero"`
	ReadOnly   bool     `json:"ro,omitzero"`
}

// Shape is one shape. Min and Max bound a length for strings, blobs, lists and
// maps, a value for numbers.
type Shape struct {
	Name      string   `json:"n"`
	Type      string   `json:"t"`
	Members   []Member `json:"m,omitzero"` // structures, in the model's order
	Element   string   `json:"of,omitzero"`
	Key       string   `json:"k,omitzero"`
	Value     string   `json:"v,omitzero"`
	Min       *float64 `json:"min,omitzero"`
	Max       *float64 `json:"max,omitzero"`
	Pattern   string   `json:"p,omitzero"`
	Enum      []string `json:"enum,omitzero"`
	Timestamp string   `json:"ts,omitzero"` // iso8601, unixTimestamp or rfc822; "" follows the location
	Payload   string   `json:"pay,omitzero"`
	Status    int      `json:"st,omitzero"` // exceptions
	Flags     string   `json:"f,omitzero"`  // of Flag…, one letter each
}

// Member is one member of a structure.
type Member struct {
	Name      string `json:"n"`
	Shape     string `json:"s"`
	Wire      string `json:"w,omitzero"` // default Name
	Location  string `json:"l,omitzero"` // uri, querystring, header, headers or statusCode; "" is the body
	Required  bool   `json:"r,omitzero"`
	Token     bool   `json:"tok,omitzero"` // filled in by clients (idempotency)
	JSONValue bool   `json:"jv,omitzero"`  // a string that holds JSON
}

// The letters of Shape.Flags.
const (
	FlagUnion       = 'u'
	FlagSensitive   = 's'
	FlagDocument    = 'd'
	FlagEventStream = 'v'
	FlagEvent       = 'e'
	FlagStreaming   = 'r'
	FlagException   = 'x'
	FlagRetryable   = 'y'
)

// Write encodes t.
func Write(t *Table) ([]byte, error) {
	t.Format = Format
	head := *t
	head.Operations, head.Shapes = nil, nil
	b, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	b, ok := bytes.CutSuffix(b, []byte(`"operations":[],"shapes":[]}`))
	if !ok {
		return nil, fmt.Errorf("table: unexpected form of the head: %s", b)
	}
	out := bytes.NewBuffer(b)
	out.WriteString("\n\"operations\":[")
	if err := writeLines(out, t.Operations); err != nil {
		return nil, err
	}
	out.WriteString("],\n\"shapes\":[")
	if err := writeLines(out, t.Shapes); err != nil {
		return nil, err
	}
	out.WriteString("]}\n")
	return out.Bytes(), nil
}

func writeLines[T any](out *bytes.Buffer, items []T) error {
	for i := range items {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		if err := json.MarshalWrite(out, &items[i], jsontext.EscapeForHTML(false)); err != nil {
			return err
		}
	}
	return nil
}

// Read decodes what Write has written.
func Read(b []byte) (*Table, error) {
	t := new(Table)
	if err := json.Unmarshal(b, t, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	if t.Format != Format {
		return nil, fmt.Errorf("table: %s has format %d, this build reads %d; run go generate", t.Name, t.Format, Format)
	}
	return t, nil
}
