package agent_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// filled sets every field that can be set, so that each is written.
func filled(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < 4 {
			v.Set(reflect.New(v.Type().Elem()))
			filled(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), depth)
		}
	case reflect.Slice:
		switch {
		case v.Type().Elem().Kind() == reflect.Uint8:
			v.SetBytes([]byte(`{ "a" : "\u00e9" }`))
		case depth < 4:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			filled(v.Index(0), depth+1)
			filled(v.Index(1), depth+1)
		}
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[model.Part]() {
			v.Set(reflect.ValueOf(&model.Text{Text: "a \"part\"\n of <a> part"}))
		}
	case reflect.String:
		v.SetString("é\u2028" + v.Type().Name())
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// TestPartsStandInJournalsAsTheyDid: what is written of a part is compared byte
// for byte, as journals are chained by their bytes. CRATON_UPDATE_GOLDEN=1
// renews the file, which only a new field of the hub is a reason for.
func TestPartsStandInJournalsAsTheyDid(t *testing.T) {
	t.Parallel()
	const golden = "testdata/parts.golden"
	var got []byte
	for _, empty := range []model.Part{&model.Text{}, &model.Refusal{}, &model.Reasoning{}, &model.Image{}, &model.Audio{}, &model.Video{},
		&model.Document{}, &model.SearchResult{}, &model.ToolCall{}, &model.ToolResult{}, &model.ToolChange{}, &model.Structured{},
		&model.Guard{}, &model.CachePoint{}, &model.Opaque{}} {
		full := reflect.New(reflect.TypeOf(empty).Elem())
		filled(full.Elem(), 0)
		raw, err := agent.EncodeParts([]model.Part{empty, full.Interface().(model.Part)})
		if err != nil {
			t.Fatalf("%T: %v", empty, err)
		}
		got = append(append(got, raw...), '\n')
	}
	if os.Getenv("CRATON_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("parts are written as\n%s\nand were as\n%s", got, want)
	}
}
