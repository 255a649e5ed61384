package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

// frames are decoded by the SDK's decoder, which is the judge of our encoder.
func sdkDecode(t *testing.T, b []byte) []sdk.Message {
	t.Helper()
	var out []sdk.Message
	for r := bytes.NewReader(b); r.Len() > 0; {
		m, err := sdk.NewDecoder().Decode(r, nil)
		if err != nil {
			t.Fatalf("SDK cannot decode our frame: %v", err)
		}
		out = append(out, m)
	}
	return out
}

func TestWriterIsReadBySDK(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	flushes := 0
	w := NewWriter(&out, func() error { flushes++; return nil })
	for _, err := range []error{
		w.Event("messageStart", []byte(`{"role":"assistant"}`)),
		w.Event("contentBlockStop", nil),
		w.Exception("throttlingException", []byte(`{"message":"slow down"}`)),
		w.Error("InternalFailure", "it broke"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if flushes != 4 {
		t.Errorf("flushed %d times for 4 frames", flushes)
	}
	var got []map[string]string
	for _, m := range sdkDecode(t, out.Bytes()) {
		h := map[string]string{"payload": string(m.Payload)}
		for _, x := range m.Headers {
			h[x.Name] = x.Value.String()
		}
		got = append(got, h)
	}
	want := []map[string]string{
		{":event-type": "messageStart", ":content-type": "application/json", ":message-type": "event", "payload": `{"role":"assistant"}`},
		{":event-type": "contentBlockStop", ":content-type": "application/json", ":message-type": "event", "payload": ""},
		{":exception-type": "throttlingException", ":content-type": "application/json", ":message-type": "exception", "payload": `{"message":"slow down"}`},
		{":error-code": "InternalFailure", ":error-message": "it broke", ":message-type": "error", "payload": ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReaderReadsSDK(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1767225600123).UTC()
	msg := sdk.Message{Payload: []byte("inner")}
	msg.Headers.Set(":date", sdk.TimestampValue(now))
	msg.Headers.Set(":chunk-signature", sdk.BytesValue([]byte{1, 2, 3}))
	msg.Headers.Set("t", sdk.BoolValue(true))
	msg.Headers.Set("f", sdk.BoolValue(false))
	msg.Headers.Set("i8", sdk.Int8Value(1))
	msg.Headers.Set("i16", sdk.Int16Value(2))
	msg.Headers.Set("i32", sdk.Int32Value(3))
	msg.Headers.Set("i64", sdk.Int64Value(4))
	msg.Headers.Set("uuid", sdk.UUIDValue([16]byte{9}))
	msg.Headers.Set("s", sdk.StringValue("text"))
	var buf bytes.Buffer
	enc := sdk.NewEncoder()
	for range 3 {
		if err := enc.Encode(&buf, msg); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(iotest.OneByteReader(&buf), 0)
	for i := range 3 {
		f, err := r.Next()
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if d, ok := f.Time(":date"); !ok || !d.Equal(now) {
			t.Errorf(":date = %v", d)
		}
		if b, ok := f.Bytes(":chunk-signature"); !ok || !bytes.Equal(b, []byte{1, 2, 3}) {
			t.Errorf(":chunk-signature = %v", b)
		}
		if f.Text("s") != "text" || len(f.Headers) != 10 || string(f.Payload) != "inner" {
			t.Errorf("frame %d = %+v", i, f)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestAppendFrameRoundTrip(t *testing.T) {
	t.Parallel()
	in := []Header{StringHeader("a", "b"), TimeHeader("d", time.UnixMilli(5)), BytesHeader("c", []byte{7})}
	b, err := AppendFrame([]byte("kept"), in, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewReader(bytes.NewReader(b[4:]), 0).Next()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, f.Headers); d != "" {
		t.Error(d)
	}
	raw, _ := AppendHeaders(nil, in)
	if !bytes.Equal(raw, f.RawHeaders) {
		t.Error("RawHeaders differ from AppendHeaders")
	}
	for _, bad := range []Header{{Name: ""}, {Name: strings.Repeat("n", 256)}, {Name: "x", Type: 11},
		{Name: "x", Type: TypeInt, Value: []byte{1}}, {Name: "x", Type: TypeString, Value: make([]byte, 1<<15)}} {
		if _, err := AppendFrame(nil, []Header{bad}, nil); err == nil {
			t.Errorf("header %.20q of type %d was accepted", bad.Name, bad.Type)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	event, _ := AppendEvent(nil, "chunk", nil)
	exception, _ := AppendException(nil, "validationException", nil)
	failure, _ := AppendError(nil, "Code", strings.Repeat("é", 40000))
	odd, _ := AppendFrame(nil, []Header{StringHeader(HeaderMessageType, "other")}, nil)
	bare, _ := AppendFrame(nil, nil, nil)
	for _, c := range []struct {
		frame      []byte
		kind, name string
	}{
		{event, "event", "chunk"}, {exception, "exception", "validationException"},
		{failure, "error", "Code"}, {odd, "other", ""}, {bare, "event", ""},
	} {
		f, err := NewReader(bytes.NewReader(c.frame), 0).Next()
		if err != nil {
			t.Fatal(err)
		}
		if k, n := f.Kind(); k != c.kind || n != c.name {
			t.Errorf("Kind = %q, %q; want %q, %q", k, n, c.kind, c.name)
		}
	}
}

func prelude(total, headers uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, total)
	b = binary.BigEndian.AppendUint32(b, headers)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	good, _ := AppendEvent(nil, "chunk", []byte(`{}`))
	flip := func(i int) []byte { b := bytes.Clone(good); b[i] ^= 1; return b }
	raw := func(headers string) []byte {
		b := append(prelude(uint32(16+len(headers)), uint32(len(headers))), headers...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"cut in prelude":    {good[:5], io.ErrUnexpectedEOF},
		"cut in payload":    {good[:len(good)-5], io.ErrUnexpectedEOF},
		"length flipped":    {flip(3), ErrChecksum},
		"header flipped":    {flip(15), ErrChecksum},
		"payload flipped":   {flip(len(good) - 5), ErrChecksum},
		"too short":         {prelude(15, 0), ErrLength},
		"headers over all":  {prelude(100, 85), ErrLength},
		"too large":         {prelude(1<<20, 0), ErrTooLarge},
		"huge":              {prelude(1<<32-1, 1<<32-17), ErrTooLarge},
		"empty header name": {raw("\x00\x07\x00\x00"), ErrHeader},
		"name past the end": {raw("\x09ab"), ErrHeader},
		"unknown type":      {raw("\x01a\x0a"), ErrHeader},
		"no value length":   {raw("\x01a\x07\x00"), ErrHeader},
		"value past end":    {raw("\x01a\x07\x00\x09b"), ErrHeader},
		"int past end":      {raw("\x01a\x04\x00"), ErrHeader},
	} {
		r := NewReader(bytes.NewReader(c.in), 4096)
		_, err := r.Next()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if _, again := r.Next(); again != err {
			t.Errorf("%s: error is not final: %v", name, again)
		}
	}
}

func TestWriterStopsAfterError(t *testing.T) {
	t.Parallel()
	broken := errors.New("gone")
	pr, pw := io.Pipe()
	pr.CloseWithError(broken)
	w := NewWriter(pw, nil)
	if err := w.Event("", nil); err == nil {
		t.Error("an event without a type was accepted")
	}
	for range 2 {
		if err := w.Event("chunk", nil); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
	if err := w.Raw(nil); !errors.Is(err, broken) {
		t.Errorf("Raw after an error: %v", err)
	}
	if err := NewWriter(io.Discard, nil).Event("chunk", make([]byte, MaxFrame)); err == nil {
		t.Error("an oversized event was accepted")
	}
	flushErr := NewWriter(io.Discard, func() error { return broken })
	if err := flushErr.Event("chunk", nil); !errors.Is(err, broken) {
		t.Errorf("flush error is lost: %v", err)
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w := NewWriter(io.Discard, nil)
	payload := []byte(`{"contentBlockIndex":0,"delta":{"text":"hello"}}`)
	if n := testing.AllocsPerRun(100, func() { _ = w.Event("contentBlockDelta", payload) }); n > 0 {
		t.Errorf("%v allocations per event", n)
	}
}

// FuzzDecode feeds arbitrary bytes at arbitrary split points: Reader and
// Decoder must agree with each other and, where frames are good, re-encode.
func FuzzDecode(f *testing.F) {
	one, _ := AppendEvent(nil, "chunk", []byte(`{"bytes":"aGk="}`))
	two, _ := AppendException(bytes.Clone(one), "throttlingException", []byte(`{"message":"m"}`))
	f.Add(one, 3)
	f.Add(two, 17)
	f.Add(two[:len(two)-3], 1)
	f.Add(prelude(1<<32-1, 5), 2)
	f.Fuzz(func(t *testing.T, in []byte, split int) {
		const limit = 1 << 16
		var pulled, pushed [][]byte
		r := NewReader(iotest.HalfReader(bytes.NewReader(in)), limit)
		var rerr error
		for {
			fr, err := r.Next()
			if err != nil {
				rerr = err
				break
			}
			again, err := AppendFrame(nil, fr.Headers, fr.Payload)
			if err == nil { // a value above 32,767 bytes is read but not written
				pulled = append(pulled, again)
			} else {
				pulled = append(pulled, bytes.Clone(fr.Payload))
			}
		}
		d := NewDecoder(limit)
		var derr error
		for rest := in; len(rest) > 0 && derr == nil; {
			n := min(max(1, split%97), len(rest))
			derr = d.Feed(rest[:n], func(fr *Frame) error {
				again, err := AppendFrame(nil, fr.Headers, fr.Payload)
				if err != nil {
					again = bytes.Clone(fr.Payload)
				}
				pushed = append(pushed, again)
				return nil
			})
			rest = rest[n:]
		}
		if d := cmp.Diff(pulled, pushed); d != "" {
			t.Fatal(d)
		}
		if clean := rerr == io.EOF; clean != (derr == nil && d.Pending() == 0) {
			t.Fatalf("reader ends with %v, decoder with %v and %d pending", rerr, derr, d.Pending())
		}
		if all := bytes.Join(pulled, nil); rerr == io.EOF && len(all) == len(in) && !bytes.Equal(all, in) {
			t.Fatal("frames do not re-encode to what was read")
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	payload := []byte(`{"contentBlockIndex":0,"delta":{"text":"hello"}}`)
	b.Run("craton", func(b *testing.B) {
		b.ReportAllocs()
		w := NewWriter(io.Discard, nil)
		for b.Loop() {
			_ = w.Event("contentBlockDelta", payload)
		}
	})
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		enc := sdk.NewEncoder()
		for b.Loop() {
			m := sdk.Message{Payload: payload}
			m.Headers.Set(":event-type", sdk.StringValue("contentBlockDelta"))
			m.Headers.Set(":content-type", sdk.StringValue("application/json"))
			m.Headers.Set(":message-type", sdk.StringValue("event"))
			_ = enc.Encode(io.Discard, m)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	one, _ := AppendEvent(nil, "contentBlockDelta", []byte(`{"contentBlockIndex":0,"delta":{"text":"hello"}}`))
	all := bytes.Repeat(one, 1000)
	b.Run("craton", func(b *testing.B) {
		b.ReportAllocs()
		src := bytes.NewReader(all)
		r := NewReader(src, 0)
		for b.Loop() {
			if src.Len() == 0 && r.start == r.end {
				src.Reset(all)
			}
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		src := bytes.NewReader(all)
		dec, buf := sdk.NewDecoder(), make([]byte, 0, 4096)
		for b.Loop() {
			if src.Len() == 0 {
				src.Reset(all)
			}
			if _, err := dec.Decode(src, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
