package invoke

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
)

// ownCodec are the families that no other dialect's codec reads and writes. A
// Nova request whose messages are blank has none left when it is encoded.
var ownCodec = map[Family]bool{family.Nova: true, family.Llama: true, family.Mistral: true, family.TitanText: true}

func FuzzDecodeRequest(f *testing.F) {
	for i, fam := range chats {
		f.Add(i, []byte(bodies[fam]))
	}
	f.Add(6, []byte(`{"inputText":"User: a\nb\nBot: c\nUser:\nBot:"}`))
	f.Add(4, []byte(`{"prompt":"<s>[INST] <<SYS>>a<</SYS>> b [/INST] c</s> [INST]d[/INST]"}`))
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		fam := chats[uint(which)%uint(len(chats))]
		req, err := DecodeRequest(fam, body)
		if err != nil {
			if model.AsError(err).Kind == model.Internal {
				t.Fatalf("%s: %v", fam, err)
			}
			return
		}
		out, _, err := EncodeRequest(fam, req)
		if err != nil {
			if model.AsError(err).Kind != model.Invalid {
				t.Fatalf("%s: a decoded request does not encode: %v", fam, err)
			}
			return
		}
		if _, err := DecodeRequest(fam, out); err != nil && ownCodec[fam] && model.AsError(err).Subject != "messages" {
			t.Fatalf("%s: an encoded request does not decode: %v\n%s", fam, err, out)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	for i, fam := range chats {
		body, _, err := EncodeResponse(fam, richAnswer(), options)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, body)
	}
	f.Add(0, []byte(`{"embedding":[1]}`))
	f.Add(0, []byte(`{"embeddings":{"float":[[1]]}}`))
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		fam := chats[uint(which)%uint(len(chats))]
		if r, err := DecodeResponse(fam, body); err == nil {
			_, _, _ = EncodeResponse(fam, r, options)
		} else if model.AsError(err).Kind == model.Internal {
			t.Fatalf("%s: %v", fam, err)
		}
		for _, e := range []Family{family.TitanEmbedV2, family.CohereEmbed} {
			_, _ = DecodeEmbedResponse(e, nil, body)
			if req, err := DecodeEmbedRequest(e, body); err == nil {
				if _, _, err := EncodeEmbedRequest(e, req); err != nil {
					t.Fatalf("%s: a decoded request does not encode: %v", e, err)
				}
			}
		}
	})
}

func drain(t *testing.T, fam Family, r io.Reader) (events []model.Event, err error) {
	s, err := DecodeEvents(fam, io.NopCloser(r))
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := s.Next()
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

// FuzzDecodeEvents puts two native objects into chunks and compares reading
// them whole and byte by byte.
func FuzzDecodeEvents(f *testing.F) {
	for i, fam := range chats {
		list := natives(f, encodeStream(f, fam, richAnswer()))
		for j := range len(list) - 1 {
			f.Add(i, []byte(list[j]), []byte(list[j+1]), []byte(list[len(list)-1]))
		}
	}
	f.Fuzz(func(t *testing.T, which int, a, b, c []byte) {
		fam := chats[uint(which)%uint(len(chats))]
		data := appendChunk(appendChunk(appendChunk(nil, a), b), c)
		whole, errWhole := drain(t, fam, bytes.NewReader(data))
		split, errSplit := drain(t, fam, iotest.OneByteReader(bytes.NewReader(data)))
		if !reflect.DeepEqual(whole, split) || fmt.Sprint(errWhole) != fmt.Sprint(errSplit) {
			t.Fatalf("%s: split points matter:\n%+v %v\n%+v %v", fam, whole, errWhole, split, errSplit)
		}
		var col model.Collector
		for _, ev := range whole {
			if err := col.Add(ev); err != nil {
				t.Fatalf("%s: the hub's order is broken: %v", fam, err)
			}
		}
		var e *model.Error
		if !errors.Is(errWhole, io.EOF) && (!errors.As(errWhole, &e) || e.Kind == model.Internal) {
			t.Fatalf("%s: got %v", fam, errWhole)
		}
	})
}

func BenchmarkEncoderDelta(b *testing.B) {
	for _, fam := range chats {
		b.Run(string(fam), func(b *testing.B) {
			enc, err := NewEncoder(fam, options)
			if err != nil {
				b.Fatal(err)
			}
			var buf []byte
			for _, ev := range []model.Event{{Kind: model.EventStart}, {Kind: model.EventPartStart, Part: &model.Text{}}} {
				if buf, err = enc.Append(buf, ev); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = enc.Append(buf[:0], model.Event{Kind: model.EventDelta, Text: " word"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
