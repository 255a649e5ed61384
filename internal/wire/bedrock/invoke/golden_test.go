package invoke

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// richAnswer says something in every way an answer commonly does.
func richAnswer() *model.Response {
	r := answer(&model.Reasoning{Text: "hm", Signature: "s"}, &model.Text{Text: "Hello there"})
	r.ID, r.Choices[0].Stop, r.Usage.CacheRead = "up-1", model.StopEnd, 7
	return r
}

// TestGoldenAnswers pins each family's native answer, whole and streamed.
// CRATON_UPDATE_GOLDEN=1 renews the files.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			whole, losses, err := EncodeResponse(f, richAnswer(), options)
			if err != nil {
				t.Fatal(err)
			}
			var lost strings.Builder
			for _, l := range losses {
				fmt.Fprintf(&lost, "%s %d %s\n", l.Path, l.Severity, l.What)
			}
			objects := natives(t, encodeStream(t, f, richAnswer()))
			got := txtar.Format(&txtar.Archive{Files: []txtar.File{
				{Name: "whole", Data: append(whole, '\n')},
				{Name: "losses", Data: []byte(lost.String())},
				{Name: "stream", Data: []byte(strings.Join(objects, "\n") + "\n")},
			}})
			name := filepath.Join("testdata", "answer_"+string(f)+".txtar")
			if os.Getenv("CRATON_UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s differs (-want +got):\n%s", name, d)
			}
		})
	}
}
