package responses

import (
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// MaxItems is how many items one request may add to a conversation.
const MaxItems = 20

// Conversation is the body of a request about a conversation.
type Conversation struct {
	// Items are in the form they are kept in; those the client gave no id have
	// none.
	Items    [][]byte
	Metadata map[string]string
}

// DecodeConversation reads the body of a request that creates or changes a
// conversation, or adds to it; needs names the member that has to be there, or
// is empty. Errors are *model.Error of kind Invalid.
func DecodeConversation(body []byte, needs string) (*Conversation, error) {
	c := &Conversation{}
	if len(body) == 0 {
		body = []byte("{}")
	}
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	if !root.IsObject() {
		return nil, root.WrongType("an object")
	}
	switch m := root.Get(needs); {
	case needs == "", m.Given():
	case needs == "metadata" && m.IsNull():
		c.Metadata = map[string]string{}
	default:
		return nil, root.Missing(needs)
	}
	if err := readMetadata(root.Get("metadata"), &c.Metadata); err != nil {
		return nil, err
	}
	items := root.Get("items")
	if !items.Given() {
		return c, nil
	}
	if !items.IsArray() {
		return nil, items.WrongType("an array of items")
	}
	err = items.Items(func(i int, v raw.Value) error {
		if i >= MaxItems {
			return invalid(items, "array_above_max_length", "a request adds at most %d items.", MaxItems)
		}
		item, err := keep(v)
		c.Items = append(c.Items, item)
		return err
	})
	return c, err
}

// keep checks an item and writes it in the form it is kept in.
func keep(v raw.Value) ([]byte, error) {
	if !v.IsObject() {
		return nil, v.WrongType("an object")
	}
	if t := v.Get("type"); t.Given() && (!t.IsString() || !Known(t.Text())) {
		e := t.Error("Invalid value: '%s'. It is none of the types that items have.", shorten(t.Text()))
		e.Code = "invalid_value"
		return nil, e
	}
	if id := v.Get("id"); id.Given() && (!id.IsString() || len(id.Text()) > 256 || id.Text() == "") {
		return nil, invalid(id, "invalid_value", "an item's id is a string of 1 to 256 bytes.")
	}
	d := itemDecoder{}
	if err := d.item(v); err != nil {
		return nil, err
	}
	kind := v.Get("type").Text()
	if kind != "" && kind != "message" && kind != "function_call" && kind != "function_call_output" {
		return v.Compact(), nil
	}
	w := itemWriter{}
	w.list(d.msgs, 0, "items")
	items, err := SplitItems(w.b.Bytes)
	if err != nil || len(items) != 1 {
		return v.Compact(), nil // content that the hub takes apart is kept as it came
	}
	return items[0], nil
}

// Bounds of metadata.
const (
	maxPairs = 16
	maxName  = 64
	maxValue = 512
)

// readMetadata reads metadata, and holds them to the contract's bounds.
func readMetadata(v raw.Value, into *map[string]string) error {
	if !v.Given() {
		return nil
	}
	if err := v.StringMap(into); err != nil {
		return err
	}
	if len(*into) > maxPairs {
		return invalid(v, "object_above_max_properties", "there are at most %d pairs.", maxPairs)
	}
	for name, value := range *into {
		if utf8.RuneCountInString(name) > maxName || utf8.RuneCountInString(value) > maxValue {
			return invalid(v, "string_above_max_length", "a key has at most %d characters, a value %d.", maxName, maxValue)
		}
	}
	return nil
}

// EncodeConversation writes a conversation.
func EncodeConversation(id string, created int64, metadata map[string]string) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("id", id)
	b.Str("object", "conversation")
	b.Num("created_at", created)
	writeMetadata(&b, metadata)
	b.Close('}')
	return b.Bytes
}

// EncodeDeleted writes what is answered when something was deleted.
func EncodeDeleted(id, object string) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("id", id)
	b.Str("object", object)
	b.Flag("deleted", true)
	b.Close('}')
	return b.Bytes
}

func errorAt(path, format string, args ...any) *model.Error {
	return model.Errorf(model.Invalid, path, format, args...)
}
