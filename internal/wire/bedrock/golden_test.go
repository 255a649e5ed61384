package bedrock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// golden compares the sections f makes of a file's first section, "in", with
// the others. CRATON_UPDATE_GOLDEN=1 renews them.
func golden(t *testing.T, pattern string, f func(t *testing.T, in []byte) []txtar.File) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files %s: %v", pattern, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) == 0 || a.Files[0].Name != "in" {
				t.Fatalf("%s: want a first section named in: %v", name, err)
			}
			got := *a
			got.Files = append(a.Files[:1:1], f(t, a.Files[0].Data)...)
			if os.Getenv("CRATON_UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(name, txtar.Format(&got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(txtar.Format(a)), string(txtar.Format(&got))); d != "" {
				t.Errorf("%s differs (-want +got):\n%s", name, d)
			}
		})
	}
}

func section(name, text string) txtar.File {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return txtar.File{Name: name, Data: []byte(text)}
}

func lossText(losses []model.Loss) string {
	var b strings.Builder
	for _, l := range losses {
		fmt.Fprintf(&b, "%s %d %s\n", l.Path, l.Severity, l.What)
	}
	return b.String()
}

// TestGoldenRequests decodes each request, checks it and encodes it again.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/request_*.txtar", func(t *testing.T, in []byte) []txtar.File {
		req, err := DecodeRequest(in)
		if err != nil {
			e := model.AsError(err)
			_, body := EncodeError(e)
			return []txtar.File{section("refused", fmt.Sprintf("%s\n%s", e.Subject, body))}
		}
		checked := ""
		if err := Check(req); err != nil {
			checked = err.Error()
		}
		out, losses, err := EncodeRequest(req)
		if err != nil {
			t.Fatal(err)
		}
		return []txtar.File{section("check", checked), section("encoded", string(out)), section("losses", lossText(losses))}
	})
}

// TestGoldenAnswers reads an upstream's whole answer and writes it whole and as
// a stream.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/answer_*.txtar", func(t *testing.T, in []byte) []txtar.File {
		r, err := DecodeResponse(in)
		if err != nil {
			return []txtar.File{section("garbage", err.Error())}
		}
		opts := Options{Elapsed: func() time.Duration { return time.Second }}
		whole, losses, err := EncodeResponse(r, opts)
		if err != nil {
			t.Fatal(err)
		}
		enc := NewEncoder(opts)
		var dst []byte
		failed := ""
		for _, ev := range model.ExplodeResponse(r) {
			if dst, err = enc.Append(dst, ev); err != nil {
				failed = err.Error()
				dst = enc.AppendError(dst, model.AsError(err))
				break
			}
		}
		lines := strings.Join(unframe(t, enc.Finish(dst)), "\n")
		return []txtar.File{
			section("whole", string(whole)), section("losses", lossText(losses)), section("frames", lines), section("failed", failed),
		}
	})
}
