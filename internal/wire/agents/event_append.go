package agents

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// A stream is made of these events: they are appended, not reflected on. Each
// AppendJSON appends what the struct says, with broken UTF-8 replaced.

// AppendJSON appends the event as JSON.
func (e SessionEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.EventHead.begin(&b)
	b.Key("session")
	e.Session.write(&b, e.Agent)
	b.Close('}')
	return b.Bytes
}

// AppendJSON appends the event as JSON.
func (e TurnEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.begin(&b)
	b.Close('}')
	return b.Bytes
}

// AppendJSON appends the event as JSON.
func (e TurnEndEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.TurnEvent.begin(&b)
	b.Key("usage")
	e.Usage.write(&b)
	b.Close('}')
	return b.Bytes
}

// AppendJSON appends the event as JSON.
func (e ItemEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.EventHead.begin(&b)
	b.Str("session_id", e.SessionID)
	b.Str("turn_id", e.TurnID)
	b.Key("output_index")
	if e.OutputIndex == nil {
		b.Null()
	} else {
		b.Int(int64(*e.OutputIndex))
	}
	b.Key("item")
	if item, ok := e.Item.(interface{ write(b *raw.Builder) }); ok {
		item.write(&b)
	} else {
		reflected(&b, e.Item)
	}
	b.Close('}')
	return b.Bytes
}

// AppendJSON appends the event as JSON.
func (e PartEvent) AppendJSON(dst []byte) []byte {
	b := raw.Builder{Bytes: dst}
	e.begin(&b)
	b.Num("content_index", int64(e.ContentIndex))
	b.Key("part")
	e.Part.write(&b)
	b.Close('}')
	return b.Bytes
}

// AppendJSON appends the event as JSON.
func (e TextDeltaEvent) AppendJSON(dst []byte) []byte {
	return e.appendText(dst, "content_index", e.ContentIndex, "delta", e.Delta)
}

// AppendJSON appends the event as JSON.
func (e TextDoneEvent) AppendJSON(dst []byte) []byte {
	return e.appendText(dst, "content_index", e.ContentIndex, "text", e.Text)
}

// AppendJSON appends the event as JSON.
func (e SummaryDeltaEvent) AppendJSON(dst []byte) []byte {
	return e.appendText(dst, "summary_index", e.SummaryIndex, "delta", e.Delta)
}

// AppendJSON appends the event as JSON.
func (e SummaryTextEvent) AppendJSON(dst []byte) []byte {
	return e.appendText(dst, "summary_index", e.SummaryIndex, "text", e.Text)
}

func (h *PlaceHead) appendText(dst []byte, place string, index int, name, text string) []byte {
	b := raw.Builder{Bytes: dst}
	h.begin(&b)
	b.Num(place, int64(index))
	b.Str(name, text)
	b.Close('}')
	return b.Bytes
}

// begin opens the event.
func (h *EventHead) begin(b *raw.Builder) {
	b.Open('{')
	b.Str("type", h.Type)
	b.Str("event_id", h.EventID)
	b.StrIf("obfuscation", h.Obfuscation)
}

// begin opens the event, up to where the part stands.
func (h *PlaceHead) begin(b *raw.Builder) {
	h.EventHead.begin(b)
	b.Str("session_id", h.SessionID)
	b.Str("turn_id", h.TurnID)
	b.Str("item_id", h.ItemID)
	b.Num("output_index", int64(h.OutputIndex))
}

// begin opens the event, up to the turn.
func (e *TurnEvent) begin(b *raw.Builder) {
	e.EventHead.begin(b)
	b.Str("session_id", e.SessionID)
	b.Str("turn_id", e.TurnID)
	b.Key("turn")
	e.Turn.write(b)
}

// reflected appends what has no form of its own here.
func reflected(b *raw.Builder, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		body = nil
	}
	tidy(b, body)
}

// tidy appends JSON as an encoder would, and null for none.
func tidy(b *raw.Builder, v jsontext.Value) {
	b.Literal("") // a comma where one is needed
	at := len(b.Bytes)
	out, err := jsontext.AppendFormat(b.Bytes, v)
	if err != nil {
		b.Bytes = append(b.Bytes[:at], "null"...)
		return
	}
	b.Bytes = out
}

func optional(b *raw.Builder, name string, s *string) {
	b.Key(name)
	if s == nil {
		b.Null()
		return
	}
	b.String(*s)
}

func optionalNum(b *raw.Builder, name string, n *int64) {
	b.Key(name)
	if n == nil {
		b.Null()
		return
	}
	b.Int(*n)
}

func words(b *raw.Builder, members map[string]string) {
	b.Open('{')
	if len(members) > 0 {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			b.Str(name, members[name])
		}
	}
	b.Close('}')
}
