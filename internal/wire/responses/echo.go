package responses

import (
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Echo is what is kept of a create request to write its response object later:
// everything but the input and the tools' secrets. DecodeRequest reads it.
func Echo(body []byte) ([]byte, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	var b raw.Builder
	b.Open('{')
	b.Str("input", "")
	err = root.Members(func(key string, v raw.Value) error {
		switch {
		case key == "input":
		case key == "tools" && v.IsArray():
			b.Key(key)
			b.Open('[')
			err := v.Items(func(_ int, t raw.Value) error {
				b.Open('{')
				b.Merge(t.Raw(), secret)
				b.Close('}')
				return nil
			})
			b.Close(']')
			return err
		default:
			b.Val(key, v.Raw())
		}
		return nil
	})
	b.Close('}')
	return b.Bytes, err
}

// ContextManagement is context_management.
type ContextManagement struct {
	// Compact is the number of tokens from which the context is compacted; 0
	// for never.
	Compact int64
}

// Management reads context_management. Errors are *model.Error of kind Invalid.
func (o *Options) Management() (m ContextManagement, err error) {
	if o.ContextManagement == nil {
		return m, nil
	}
	root, err := raw.Parse([]byte(`{"context_management":`+string(o.ContextManagement)+`}`), &style)
	if err != nil {
		return m, err
	}
	list := root.Get("context_management")
	if !list.IsArray() {
		return m, list.WrongType("an array")
	}
	err = list.Items(func(_ int, v raw.Value) error {
		var kind string
		if err := need(v, "type", &kind); err != nil {
			return err
		}
		if err := oneOf(v.Get("type"), "compaction"); err != nil {
			return err
		}
		m.Compact = defaultThreshold
		if at := v.Get("compact_threshold"); at.Given() {
			if !at.IsInt() || at.Num() < leastThreshold {
				return invalid(at, "integer_below_min_value", "it is a number of tokens, at least %d.", leastThreshold)
			}
			m.Compact = at.Num()
		}
		return nil
	})
	return m, err
}

// Bounds of compact_threshold.
const (
	leastThreshold   = 1000
	defaultThreshold = 100_000
)

// CompactionItem writes a compaction item; sealed is its content.
func CompactionItem(id, sealed string) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("type", "compaction")
	b.Str("id", id)
	b.Str("encrypted_content", sealed)
	b.Close('}')
	return b.Bytes
}

// BlankCompaction is a compaction item whose content is not there yet.
func BlankCompaction(id string) []byte { return CompactionItem(id, "") }
