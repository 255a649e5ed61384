// Package golden holds what the tests of the codecs share: golden cases in
// txtar files, and the pieces those are made of. It is for tests only.
//
// A case is one file under testdata/DIR. Its first section, "in", is the input;
// the others are what came of it. CRATON_UPDATE_GOLDEN=1 renews them.
//
//	golden.Run(t, "request", func(t *testing.T, in []byte) []txtar.File {
//		req, err := wire.DecodeRequest(in)
//		return []txtar.File{golden.Section("error", golden.Describe(nil, err))}
//	})
package golden

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/craton-ai/craton/internal/model"
)

// Run runs f over each case of a folder: f gets the section "in" and returns
// the sections expected after it.
func Run(t *testing.T, dir string, f func(t *testing.T, in []byte) []txtar.File) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil || len(ar.Files) == 0 || ar.Files[0].Name != "in" {
				t.Fatalf("the case does not begin with a section in: %v", err)
			}
			got := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: append(ar.Files[:1:1], f(t, ar.Files[0].Data)...)})
			if os.Getenv("CRATON_UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if d := cmp.Diff(string(want), string(got)); d != "" || err != nil {
				t.Errorf("differs from the golden case (-want +got): %v\n%s", err, d)
			}
		})
	}
}

// Seeds hands the sections of those names, of every case of a folder, to a fuzz
// target.
func Seeds(f *testing.F, dir string, add func([]byte), names ...string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range ar.Files {
			if slices.Contains(names, s.Name) {
				add(s.Data)
			}
		}
	}
}

// Section is a section that ends in a newline, as txtar wants it.
func Section(name string, data []byte) txtar.File {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data[:len(data):len(data)], '\n')
	}
	return txtar.File{Name: name, Data: data}
}

// Indent sets JSON in lines, or says that it is none.
func Indent(data []byte) []byte {
	v := jsontext.Value(bytes.Clone(data))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return []byte("not JSON: " + err.Error() + "\n" + string(data))
	}
	return v
}

// Describe lists losses and an error, a line each.
func Describe(losses []model.Loss, err error) []byte {
	var b strings.Builder
	for _, l := range losses {
		fmt.Fprintf(&b, "loss %d %s: %s\n", l.Severity, l.Path, l.What)
	}
	if err != nil {
		e := model.AsError(err)
		fmt.Fprintf(&b, "%s at %q: %s\n", strings.TrimSpace(e.Kind.String()+" "+e.Code), e.Subject, e.Public())
	}
	return []byte(b.String())
}

// Shape lists the roles and part types of messages.
func Shape(messages []model.Message) []byte {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s", m.Role)
		if m.Transient {
			b.WriteString(" (transient)")
		}
		b.WriteByte(':')
		for _, p := range m.Parts {
			fmt.Fprintf(&b, " %s", strings.TrimPrefix(fmt.Sprintf("%T", p), "*model."))
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// Drain reads a stream to its end, or to the error that cuts it off.
func Drain(s model.Stream) (events []model.Event, err error) {
	defer s.Close()
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

// Split returns a body that is read n bytes at a time.
func Split(data []byte, n int) io.ReadCloser {
	return io.NopCloser(&pieces{data: data, n: n})
}

type pieces struct {
	data []byte
	n    int
}

func (p *pieces) Read(dst []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(dst[:min(len(dst), p.n)], p.data)
	p.data = p.data[n:]
	return n, nil
}
