package frame

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"pgregory.net/rapid"
)

// TestOfficialDecoder reads our frames with the AWS SDK's decoder.
func TestOfficialDecoder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{Event, Exception}).Draw(t, "kind")
		name := rapid.StringMatching(`[a-zA-Z]{1,40}`).Draw(t, "name")
		payload := rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		prefix := rapid.SliceOf(rapid.Byte()).Draw(t, "prefix")

		dst, start := Open(bytes.Clone(prefix), kind, name)
		dst = Close(append(dst, payload...), start)
		if !bytes.HasPrefix(dst, prefix) {
			t.Fatal("the buffer's earlier content changed")
		}
		m, err := eventstream.NewDecoder().Decode(bytes.NewReader(dst[len(prefix):]), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{":message-type": kind, ":content-type": "application/json", ":" + kind + "-type": name}
		for k, v := range want {
			if got := header(m, k); got != v {
				t.Errorf("header %s = %q, want %q", k, got, v)
			}
		}
		if len(m.Headers) != len(want) || !bytes.Equal(m.Payload, payload) {
			t.Errorf("headers %v, payload %q; want %d headers and %q", m.Headers, m.Payload, len(want), payload)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	var got []string
	for rest := sample(); len(rest) > 0; {
		var name, payload []byte
		name, payload, rest = Cut(rest)
		got = append(got, string(name)+" "+string(payload))
	}
	if want := `a {"x":1}|b {"message":"no"}`; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	for n := range len(mustOpen("a")) {
		if _, _, rest := Cut(sample()[:n]); rest != nil {
			t.Errorf("%d bytes are taken for a frame", n)
		}
	}
}

// TestOfficialEncoder reads the AWS SDK's frames with our reader.
func TestOfficialEncoder(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	var msg eventstream.Message
	msg.Headers.Set(":message-type", eventstream.StringValue(Error))
	msg.Headers.Set(":error-code", eventstream.StringValue("Oops"))
	msg.Headers.Set(":error-message", eventstream.StringValue("why"))
	if err := eventstream.NewEncoder().Encode(&buf, msg); err != nil {
		t.Fatal(err)
	}
	got, err := NewReader(&buf).Next()
	if err != nil || got.Type != Error || got.Name != "Oops" || got.Text != "why" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func sample() []byte {
	dst, start := Open(nil, Event, "a")
	dst = Close(append(dst, `{"x":1}`...), start)
	dst, start = Open(dst, Exception, "b")
	return Close(append(dst, `{"message":"no"}`...), start)
}

func readAll(r io.Reader) (names []string, err error) {
	reader := NewReader(r)
	for {
		m, err := reader.Next()
		if err != nil {
			return names, err
		}
		names = append(names, m.Type+" "+m.Name+" "+string(m.Payload))
	}
}

func TestEveryTruncationIsNoticed(t *testing.T) {
	t.Parallel()
	whole := sample()
	_, start := Open(nil, Event, "a")
	first := len(Close(append(mustOpen("a"), `{"x":1}`...), start))
	for n := range whole {
		_, err := readAll(bytes.NewReader(whole[:n]))
		want := io.ErrUnexpectedEOF
		if n == 0 || n == first {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Errorf("cut at %d of %d: got %v, want %v", n, len(whole), err, want)
		}
	}
}

func mustOpen(name string) []byte {
	dst, _ := Open(nil, Event, name)
	return dst
}

func TestEveryBitFlipIsNoticed(t *testing.T) {
	t.Parallel()
	whole := sample()
	clean, _ := readAll(bytes.NewReader(whole))
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x10
		names, err := readAll(bytes.NewReader(flipped))
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && strings.Join(names, "|") == strings.Join(clean, "|") {
			t.Errorf("a flipped bit at %d went unnoticed", i)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, errWhole := readAll(bytes.NewReader(data))
		split, errSplit := readAll(iotest.OneByteReader(bytes.NewReader(data)))
		if strings.Join(whole, "|") != strings.Join(split, "|") || (errWhole == io.EOF) != (errSplit == io.EOF) {
			t.Errorf("whole %q %v, byte by byte %q %v", whole, errWhole, split, errSplit)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var start int
		buf, start = Open(buf[:0], Event, "contentBlockDelta")
		buf = Close(append(buf, `{"contentBlockIndex":0,"delta":{"text":"word"}}`...), start)
	}
}
