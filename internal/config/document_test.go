package config_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/config"
)

// TestDocumented checks that docs/CONFIGURATION.md describes every field, each
// in a row of its own, and that its examples are valid.
func TestDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	fields := paths(reflect.TypeFor[config.Config](), "")
	if len(fields) < 60 {
		t.Fatalf("only %d fields were found", len(fields))
	}
	for _, path := range fields {
		if !strings.Contains(text, "\n| `"+path+"` |") {
			t.Errorf("docs/CONFIGURATION.md has no row for `%s`", path)
		}
	}
	blocks := strings.Split(text, "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there is no example")
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		if _, err := config.Load(write(t, example), env(nil)); err != nil {
			t.Errorf("the example does not load: %v\n%s", err, example)
		}
	}
}

// paths lists the fields of a document's type as the documentation writes them.
func paths(typ reflect.Type, at string) (list []string) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "-" || tag == "" {
			continue
		}
		path, inner := at+tag, f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			switch inner.Kind() {
			case reflect.Slice:
				path += "[]"
			case reflect.Map:
				path += ".NAME"
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			list = append(list, paths(inner, path+".")...)
		} else {
			list = append(list, at+tag)
		}
	}
	return list
}
