package bedrock

import (
	"bytes"

	"github.com/craton-ai/craton/internal/model"
)

// own reports whether o is an object of the Converse dialect.
func own(o *model.Opaque) bool { return o != nil && o.Dialect == model.DialectConverse }

// opaque keeps raw JSON of the Converse dialect; nil for nothing or an empty
// object. An upstream's broken UTF-8 is replaced, as decoding it would have.
func opaque(raw []byte) *model.Opaque {
	if len(raw) == 0 || string(raw) == "{}" {
		return nil
	}
	return &model.Opaque{Dialect: model.DialectConverse, Raw: bytes.ToValidUTF8(raw, []byte("\ufffd"))}
}
