package table

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	least, most := 0.0, 1.5
	in := &Table{Source: "s 1", Name: "n", ID: "N", APIVersion: "2026", SigningName: "sign", Bearer: true,
		Operations: []Operation{{Name: "A", Method: "PUT", URI: "/a/{b}", Status: 202, Input: "I", Output: "O", Errors: []string{"E"}, Idempotent: true, ReadOnly: true}, {Name: "B", Method: "GET", URI: "/b"}},
		Shapes: []Shape{{Name: "I", Type: "structure", Members: []Member{{Name: "b", Shape: "S", Wire: "B", Location: "uri", Required: true, Token: true, JSONValue: true}}, Payload: "p", Status: 400, Flags: "us"},
			{Name: "S", Type: "string", Min: &least, Max: &most, Pattern: `<a>&"`, Enum: []string{"x"}, Timestamp: "iso8601", Element: "e", Key: "k", Value: "v"}}}
	b, err := Write(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Error(d)
	}
	again, err := Write(out)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("writing again differs: %v", err)
	}
	if lines := bytes.Count(b, []byte("\n")); lines != 7 {
		t.Errorf("%d lines for two operations and two shapes:\n%s", lines, b)
	}
	if _, err := Read([]byte(`{"format":2}`)); err == nil {
		t.Error("another format was read")
	}
	if _, err := Read([]byte(`{"format":1,"colour":1}`)); err == nil {
		t.Error("an unknown member was read")
	}
}
