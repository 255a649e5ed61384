package anthropic_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// golden runs f over each txtar file of a folder: f gets the sections by name
// and returns those it expects to find after "in". CRATON_UPDATE_GOLDEN=1 renews them.
func golden(t *testing.T, dir string, f func(t *testing.T, in []byte) []txtar.File) {
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
			got := &txtar.Archive{Comment: ar.Comment, Files: append(ar.Files[:1:1], f(t, ar.Files[0].Data)...)}
			if os.Getenv("CRATON_UPDATE_GOLDEN") == "1" {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, _ := os.ReadFile(file)
			if d := cmp.Diff(string(want), string(txtar.Format(got))); d != "" {
				t.Errorf("differs from the golden case (-want +got):\n%s", d)
			}
		})
	}
}

func section(name string, data []byte) txtar.File {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data[:len(data):len(data)], '\n')
	}
	return txtar.File{Name: name, Data: data}
}

func indent(data []byte) []byte {
	v := jsontext.Value(bytes.Clone(data))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return []byte("not JSON: " + err.Error() + "\n" + string(data))
	}
	return v
}

func describe(losses []model.Loss, err error) []byte {
	var b strings.Builder
	for _, l := range losses {
		fmt.Fprintf(&b, "loss %d %s: %s\n", l.Severity, l.Path, l.What)
	}
	if err != nil {
		e := model.AsError(err)
		fmt.Fprintf(&b, "%s at %q: %s\n", e.Kind, e.Subject, e.Public())
	}
	return []byte(b.String())
}

// shape lists a request's roles and part types.
func shape(req *model.Request) []byte {
	var b strings.Builder
	for _, m := range req.Messages {
		fmt.Fprintf(&b, "%s:", m.Role)
		for _, p := range m.Parts {
			fmt.Fprintf(&b, " %s", strings.TrimPrefix(fmt.Sprintf("%T", p), "*model."))
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func TestRequestGolden(t *testing.T) {
	t.Parallel()
	golden(t, "request", func(t *testing.T, in []byte) []txtar.File {
		req, err := anthropic.DecodeRequest(in)
		if err != nil {
			return []txtar.File{section("error", describe(nil, err))}
		}
		out, losses, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{})
		again, err2 := anthropic.DecodeRequest(out)
		if err2 != nil {
			t.Fatalf("its own output is refused: %v", err2)
		}
		if d := cmp.Diff(req, again); d != "" {
			t.Errorf("decoding the output gives another request (-first +second):\n%s", d)
		}
		return []txtar.File{section("hub", shape(req)), section("out", indent(out)), section("losses", describe(losses, err))}
	})
}

func TestStreamGolden(t *testing.T) {
	t.Parallel()
	golden(t, "stream", func(t *testing.T, in []byte) []txtar.File {
		events, err := drain(anthropic.DecodeEvents(io.NopCloser(bytes.NewReader(in))))
		if err == nil {
			if err := modeltest.CheckOrder(events); err != nil {
				t.Errorf("the events break the hub's order: %v", err)
			}
		}
		r, _ := model.Collect(model.Events(events...))
		whole, losses, encErr := anthropic.EncodeResponse(r, anthropic.ResponseOptions{})
		if encErr != nil {
			t.Fatal(encErr)
		}
		return []txtar.File{
			section("message", indent(whole)),
			section("out", encodeStream(t, events, err)),
			section("losses", describe(losses, err)),
		}
	})
}

func drain(s model.Stream) (events []model.Event, err error) {
	defer s.Close()
	for {
		ev, err := s.Next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

func encodeStream(t interface{ Fatalf(string, ...any) }, events []model.Event, end error) []byte {
	enc := anthropic.NewEncoder(anthropic.ResponseOptions{RequestID: "req_1"})
	var buf []byte
	var err error
	for _, ev := range events {
		if buf, err = enc.Append(buf, ev); err != nil {
			t.Fatalf("encoding an event: %v", err)
		}
	}
	if end != nil {
		return enc.AppendError(buf, model.AsError(end))
	}
	return enc.Finish(buf)
}
