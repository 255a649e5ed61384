package agents

import "github.com/craton-ai/craton/internal/wire/raw"

// AppendJSON appends the event as JSON: a stream is made of these. Broken UTF-8
// is replaced.
func (e TextDeltaEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.begin(&b)
	b.Num("content_index", int64(e.ContentIndex))
	b.Str("delta", e.Delta)
	b.Close('}')
	return b.Bytes
}

// AppendJSON is as that of [TextDeltaEvent].
func (e SummaryDeltaEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.begin(&b)
	b.Num("summary_index", int64(e.SummaryIndex))
	b.Str("delta", e.Delta)
	b.Close('}')
	return b.Bytes
}

// begin opens the event, up to where the part stands.
func (h *PlaceHead) begin(b *raw.Builder) {
	b.Open('{')
	b.Str("type", h.Type)
	b.Str("event_id", h.EventID)
	b.StrIf("obfuscation", h.Obfuscation)
	b.Str("session_id", h.SessionID)
	b.Str("turn_id", h.TurnID)
	b.Str("item_id", h.ItemID)
	b.Num("output_index", int64(h.OutputIndex))
}
