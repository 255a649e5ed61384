package openai

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"
)

// document draws JSON that is whole or not.
func document(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{
		"{", "}", "[", "]", ",", ":", " ", "\n", `"a"`, `"model"`, `"mo\u0064el":1`, "1", "0", "-", "01", "-0.5e+3", "1e", ".5", "2.", "true", "false", "null", "nul",
		`"\"`, `"\\"`, `"\u00e9"`, `"\u00g0"`, `"\x"`, "\"\x01\"", "\"\xff\"", `"a longer text without anything in it"`, `"0123456\"89"`, `"01234567`, "\"tab\there\"", "é", "\x00",
		`{"a":{"b":[1,2,{"c":null}]},"d":"x"}`, `[{},[],""]`,
	})
	var b strings.Builder
	if rapid.Bool().Draw(t, "object") {
		b.WriteString(`{"k":`)
	}
	for range rapid.IntRange(0, 9).Draw(t, "pieces") {
		b.WriteString(piece.Draw(t, "piece"))
	}
	if rapid.Bool().Draw(t, "closed") {
		b.WriteString("}")
	}
	return b.String()
}

type seen struct {
	name     string
	from, to int
}

// TestGlanceReadsAsGJSONDoes: it accepts what gjson does, and shows what it shows.
func TestGlanceReadsAsGJSONDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := document(t)
		var mine, theirs []seen
		ok := glance([]byte(body), func(name []byte, from, to int) {
			mine = append(mine, seen{strings.Clone(nameOf(name)), from, to})
		})
		valid := gjson.Valid(body) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
		if ok != valid {
			t.Fatalf("%q is taken for %v, want %v", body, ok, valid)
		}
		if !ok {
			return
		}
		gjson.Parse(body).ForEach(func(k, v gjson.Result) bool {
			theirs = append(theirs, seen{k.Str, v.Index, v.Index + len(v.Raw)})
			return true
		})
		if len(mine) != len(theirs) {
			t.Fatalf("%q shows %v, want %v", body, mine, theirs)
		}
		for i := range mine {
			if mine[i] != theirs[i] {
				t.Fatalf("%q shows %v, want %v", body, mine[i], theirs[i])
			}
		}
	})
}

func TestGlanceBoundsDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte {
		return []byte(strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n))
	}
	nothing := func([]byte, int, int) {}
	if !glance(nested(MaxDepth), nothing) || glance(nested(MaxDepth+1), nothing) || checkJSON(nested(MaxDepth)) != nil || checkJSON(nested(MaxDepth+1)) == nil {
		t.Error("the bound is not where it is for the others")
	}
}
