package openai_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// dump renders a value of the hub: one line for each field that is not zero.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v), 0)
	return strings.TrimSuffix(b.String(), "\n") + "\n"
}

func dumpValue(b *strings.Builder, v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil\n")
			return
		}
		dumpValue(b, v.Elem(), depth)
	case reflect.Struct:
		b.WriteString(v.Type().Name() + "\n")
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				b.WriteString(indent + "  " + v.Type().Field(i).Name + ": ")
				dumpValue(b, f, depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "bytes %q\n", v.Bytes())
			return
		}
		if v.Len() == 0 {
			b.WriteString("empty\n")
			return
		}
		b.WriteString("\n")
		for i := range v.Len() {
			b.WriteString(indent + "  - ")
			dumpValue(b, v.Index(i), depth+1)
		}
	case reflect.String:
		b.WriteString(strconv.Quote(v.String()) + "\n")
	default:
		fmt.Fprintf(b, "%v\n", v.Interface())
	}
}

// TestGolden runs each file of testdata/*.txtar: the section named first is
// the input and says what is done with it, the others are what must come out.
// CRATON_UPDATE_GOLDEN=1 writes them anew.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := archive.Files[0]
			run, ok := golden[in.Name]
			if !ok {
				t.Fatalf("%s: nothing is known to do with %q", file, in.Name)
			}
			out := &txtar.Archive{Comment: archive.Comment, Files: []txtar.File{in}}
			for _, f := range run(bytes.TrimSpace(in.Data)) {
				if len(f.Data) > 0 && !bytes.HasSuffix(f.Data, []byte("\n")) {
					f.Data = append(f.Data, '\n')
				}
				out.Files = append(out.Files, f)
			}
			got := txtar.Format(out)
			if os.Getenv("CRATON_UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(archive); !bytes.Equal(got, want) {
				t.Errorf("%s differs; got:\n%s\nwant:\n%s", file, got, want)
			}
		})
	}
}

var golden = map[string]func([]byte) []txtar.File{
	"request.json":  goldenRequest,
	"response.json": goldenResponse,
	"stream.txt":    goldenStream,
	"error.http":    goldenError,
	"embed.json":    goldenEmbed,
}

func section(name, data string) txtar.File { return txtar.File{Name: name, Data: []byte(data)} }

func goldenRequest(in []byte) []txtar.File {
	req, opts, err := openai.DecodeRequest(in)
	if err != nil {
		return []txtar.File{errorSection(err)}
	}
	files := []txtar.File{section("hub", dump(req))}
	if opts != (openai.Options{}) {
		files = append(files, section("options", dump(opts)))
	}
	body, losses, err := openai.EncodeRequest(req)
	if err != nil {
		return append(files, errorSection(err))
	}
	files = append(files, section("encoded.json", string(body)))
	if len(losses) > 0 {
		files = append(files, section("losses", dump(losses)))
	}
	return files
}

func errorSection(err error) txtar.File {
	status, body := openai.EncodeError(model.AsError(err))
	return section("error", fmt.Sprintf("%v\n%d %s", err, status, body))
}

func goldenResponse(in []byte) []txtar.File {
	r, err := openai.DecodeResponse(in)
	if err != nil {
		return []txtar.File{errorSection(err)}
	}
	body, losses, err := openai.EncodeResponse(r, openai.EncoderOptions{})
	files := []txtar.File{section("hub", dump(r)), section("encoded.json", string(body))}
	if err != nil {
		files = append(files, errorSection(err))
	}
	if len(losses) > 0 {
		files = append(files, section("losses", dump(losses)))
	}
	return files
}

func goldenStream(in []byte) []txtar.File {
	var events strings.Builder
	enc := openai.NewEncoder(openai.EncoderOptions{IncludeUsage: true})
	var chunks []byte
	stream := openai.DecodeEvents(io.NopCloser(bytes.NewReader(append(bytes.Clone(in), "\n\n"...))))
	defer stream.Close()
	for {
		ev, err := stream.Next()
		if errors.Is(err, io.EOF) {
			chunks = enc.Finish(chunks)
			break
		}
		if err != nil {
			fmt.Fprintf(&events, "error: %v\n", err)
			chunks = enc.AppendError(chunks, model.AsError(err))
			break
		}
		events.WriteString(dump(ev))
		if chunks, err = enc.Append(chunks, ev); err != nil {
			fmt.Fprintf(&events, "encoder: %v\n", err)
		}
	}
	return []txtar.File{section("events", events.String()), section("chunks", string(chunks))}
}

// goldenError reads a status line, headers, an empty line and a body.
func goldenError(in []byte) []txtar.File {
	head, body, _ := bytes.Cut(in, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	status, _ := strconv.Atoi(lines[0])
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	e := openai.DecodeError(status, header, body)
	shown, answer := openai.EncodeError(e)
	return []txtar.File{section("hub", fmt.Sprintf("%v\nkind: %v, subject: %q, code: %q, retry after: %v", e, e.Kind, e.Subject, e.Code, e.RetryAfter)), section("shown", fmt.Sprintf("%d %s", shown, answer))}
}

func goldenEmbed(in []byte) []txtar.File {
	req, opts, err := openai.DecodeEmbedRequest(in)
	if err != nil {
		return []txtar.File{errorSection(err)}
	}
	body, losses, err := openai.EncodeEmbedRequest(req)
	if err != nil {
		return []txtar.File{errorSection(err)}
	}
	return []txtar.File{section("hub", dump(req)), section("options", dump(opts)), section("encoded.json", string(body)), section("losses", dump(losses))}
}
