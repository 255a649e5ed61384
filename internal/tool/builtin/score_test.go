package builtin_test

import (
	"testing"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/tool/builtin"
)

// TestScoresAreBetweenZeroAndOne, however much better one file is than another.
func TestScoresAreBetweenZeroAndOne(t *testing.T) {
	t.Parallel()
	files := library{"acme": {
		file("file-1", "a.txt", "text/plain", "The red boat sails: boat, boat, boat, red boat."),
		file("file-2", "b.txt", "text/plain", "A boat among very many other words that are about something else."),
		file("file-3", "c.txt", "text/plain", "A pump."), file("file-4", "d.txt", "text/plain", "A lamp."), file("file-5", "e.txt", "text/plain", "A desk."),
	}}
	got, err := use(t, builtin.Config{Files: files}, "file_search", "acme", map[string]any{"query": "red boat sails"})
	if err != nil {
		t.Fatal(err)
	}
	scores := gjson.GetBytes(got.Structured, "results.#.score").Array()
	if len(scores) != 2 || scores[0].Num > 1 || scores[0].Num <= scores[1].Num || scores[1].Num <= 0 {
		t.Errorf("the scores are %v", scores)
	}
}
