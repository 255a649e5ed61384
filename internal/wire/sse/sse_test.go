package sse_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// got is an event with its data copied.
type got struct {
	Name, ID, Data string
	Retry          time.Duration
}

func readAll(t testing.TB, r io.Reader, limits sse.Limits) ([]got, error) {
	t.Helper()
	var events []got
	reader := sse.NewReader(r, limits)
	for {
		ev, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, got{ev.Name, ev.ID, string(ev.Data), ev.Retry})
	}
}

// TestReader follows the standard's section 9.2.6, "Interpreting an event stream".
func TestReader(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, stream string
		want         []got
	}{
		{"one", "data: a\n\n", []got{{Data: "a"}}},
		{"line ends", "data: a\r\rdata: b\r\n\r\ndata: c\n\n", []got{{Data: "a"}, {Data: "b"}, {Data: "c"}}},
		{"mixed line ends", "data: a\r\n\ndata: b\n\r\n", []got{{Data: "a"}, {Data: "b"}}},
		{"multi-line data", "data: a\ndata\ndata:b\n\n", []got{{Data: "a\n\nb"}}},
		{"standard's stock example", "data: YHOO\ndata: +2\ndata: 10\n\n", []got{{Data: "YHOO\n+2\n10"}}},
		{"one space is removed", "data:  two\ndata:\tthree\n\n", []got{{Data: " two\n\tthree"}}},
		{"comment", ": hello\n\ndata: a\n:b\n\n", []got{{Data: "a"}}},
		{"byte order mark", "\xEF\xBB\xBFdata: a\n\n", []got{{Data: "a"}}},
		{"only the first mark", "\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", []got{{Data: "b"}}},
		{"mark after the start", "data: a\n\n\xEF\xBB\xBFdata: b\n\n", []got{{Data: "a"}}},
		{"name", "event: x\ndata: a\n\ndata: b\n\n", []got{{Name: "x", Data: "a"}, {Data: "b"}}},
		{"last name wins", "event: x\nevent: y\ndata: a\n\n", []got{{Name: "y", Data: "a"}}},
		{"name without data", "event: x\n\ndata: b\n\n", []got{{Data: "b"}}},
		{"empty data", "data\n\ndata:\n\n", []got{{}, {}}},
		{"id lasts", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []got{{ID: "1", Data: "a"}, {ID: "1", Data: "b"}, {Data: "c"}}},
		{"id with null", "id: 1\x002\ndata: a\n\n", []got{{Data: "a"}}},
		{"id without data", "id: 7\n\ndata: a\n\n", []got{{ID: "7", Data: "a"}}},
		{"retry", "retry: 1500\ndata: a\n\nretry: 1.5\ndata: b\n\n", []got{{Data: "a", Retry: 1500 * time.Millisecond}, {Data: "b"}}},
		{"unknown field", "x: 1\nDATA: b\ndata : c\ndata: a\n\n", []got{{Data: "a"}}},
		{"colon in value", "data: a:b: c\n\n", []got{{Data: "a:b: c"}}},
		{"unfinished event", "data: a\n\ndata: b\n", []got{{Data: "a"}}},
		{"unfinished line", "data: a\n\ndata: b", []got{{Data: "a"}}},
		{"nothing", "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(c.stream), "bytewise": iotest.OneByteReader(strings.NewReader(c.stream)),
				"data with error": iotest.DataErrReader(strings.NewReader(c.stream)),
			} {
				events, err := readAll(t, r, sse.Limits{})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(c.want, events); diff != "" {
					t.Errorf("%s: events (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestRest(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]string{"data: a\n\ndata: b": "b", "data: a\n\ndata: b\ndata: c\n": "b\nc", "data: a\n\n": "", "data: a\n\nevent: x\n": ""} {
		r := sse.NewReader(strings.NewReader(stream), sse.Limits{})
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
		ev, ok := r.Rest()
		if string(ev.Data) != want || ok != (want != "") {
			t.Errorf("%q: rest is %q, %v; want %q", stream, ev.Data, ok, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := sse.Limits{MaxLine: 20, MaxEvent: 30}
	for stream, ok := range map[string]bool{
		"data: 12345678901234\n\n":                      true,
		"data: 123456789012345\n\n":                     false,
		"data: 1234567890\n" + "data: 1234567890\n\n":   true,
		strings.Repeat("data: 12345678901234\n", 3):     false,
		": this comment is longer than the limit\n\n":   false,
		"a line without an end that goes on and on":     false,
		strings.Repeat(": fine\n", 100) + "data: a\n\n": true,
	} {
		for _, r := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream))} {
			_, err := readAll(t, r, limits)
			if (err == nil) != ok {
				t.Errorf("%q: error is %v", stream, err)
			}
			var known *model.Error
			if err != nil && (!errors.As(err, &known) || known.Kind != model.UpstreamGarbage) {
				t.Errorf("%q: error is %v, not of kind %v", stream, err, model.UpstreamGarbage)
			}
		}
	}
}

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken))
	events, err := readAll(t, r, sse.Limits{})
	if len(events) != 1 || !errors.Is(err, broken) {
		t.Errorf("events %v, error %v; want one event, then the source's error", events, err)
	}
	if _, err := readAll(t, idle{}, sse.Limits{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source that never answers gives %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestWriter(t *testing.T) {
	t.Parallel()
	var b []byte
	b = sse.AppendEvent(b, "na\nme", "i\rd", []byte("x\r\ny"))
	b = sse.AppendComment(b, "ping\ndata: no")
	b = sse.AppendRetry(b, 2*time.Second)
	b = sse.AppendData(b, nil)
	want := "event: name\nid: id\ndata: x\ndata: y\n\n: pingdata: no\n\nretry: 2000\n\ndata: \n\n"
	if string(b) != want {
		t.Errorf("wrote %q, want %q", b, want)
	}
}

// TestRoundTrip: whatever is written is read again, at any split.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	oneLine := rapid.StringMatching(`[a-z:. ]{0,12}[a-z]`)
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []got
		var id string
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			name := rapid.OneOf(rapid.Just(""), oneLine).Draw(t, "name")
			if next := rapid.OneOf(rapid.Just(""), oneLine).Draw(t, "id"); next != "" {
				id = next
				stream = sse.AppendEvent(stream, name, next, []byte("with id"))
				want = append(want, got{Name: name, ID: id, Data: "with id"})
			}
			data := rapid.StringMatching(`[ -~é\r\n]{0,40}`).Draw(t, "data")
			stream = sse.AppendEvent(stream, name, "", []byte(data))
			data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
			want = append(want, got{Name: name, ID: id, Data: data})
			stream = sse.AppendComment(stream, "ping")
		}
		var events []got
		parser := sse.NewParser(sse.Limits{})
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "split")
			for p := rest[:n]; len(p) > 0; {
				left, ev, ok, err := parser.Next(p)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					events = append(events, got{ev.Name, ev.ID, string(ev.Data), ev.Retry})
				}
				p = left
			}
			rest = rest[n:]
		}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Fatalf("events (-want +got):\n%s\nof %q", diff, stream)
		}
		if parser.Pending() {
			t.Fatal("the parser holds bytes after a whole stream")
		}
	})
}

// FuzzSplit: events do not depend on where the bytes were split.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\r\n\r\n: c\n\ndata: b\rdata\r\r"), uint8(3))
	f.Add([]byte("\xEF\xBB\xBFid: 1\ndata: a\n\nretry: 10\ndata:\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		limits := sse.Limits{MaxLine: 64, MaxEvent: 100}
		want, err := readAll(t, bytes.NewReader(stream), limits)
		events, err2 := readAll(t, &stutter{stream, int(size)%16 + 1}, limits)
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("events (-whole +split):\n%s", diff)
		}
		if (err == nil) != (err2 == nil) {
			t.Errorf("whole: %v, split: %v", err, err2)
		}
	})
}

// stutter reads size bytes at a time.
type stutter struct {
	rest []byte
	size int
}

func (s *stutter) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.size, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}

var sample = []byte(strings.Repeat("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello, world\"}}\n\n", 64))

func TestAllocations(t *testing.T) {
	parser := sse.NewParser(sse.Limits{})
	run := func() {
		for p := sample; len(p) > 0; {
			p, _, _, _ = parser.Next(p)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("reading 64 events allocates %v times, want 0", n)
	}
}

func BenchmarkParser(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(sample)))
	parser := sse.NewParser(sse.Limits{})
	events := 0
	for b.Loop() {
		for p := sample; len(p) > 0; {
			var ok bool
			if p, _, ok, _ = parser.Next(p); ok {
				events++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

func BenchmarkAppendEvent(b *testing.B) {
	b.ReportAllocs()
	data := []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, world"}}`)
	var buf []byte
	for b.Loop() {
		buf = sse.AppendEvent(buf[:0], "content_block_delta", "", data)
	}
}
