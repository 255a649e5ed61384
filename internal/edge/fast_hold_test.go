package edge

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEventHoldPassesWholeEvents: whatever pieces a stream comes in, all of it
// passes, and as long as its events are small only whole ones and comments do.
func TestEventHoldPassesWholeEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"data: {}\n\n", "data: a\r\n\r\n", "data: a\r\r", "event: x\ndata: y\n\n", ": ping\n", ": ping\n\n", "data: ", "\n", "\r", "x"})
		stream := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
		var h eventHold
		var passed []byte
		for rest := stream; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			passed = h.Append(passed, []byte(rest[:n]))
			rest = rest[n:]
			line := passed[strings.LastIndexAny(strings.TrimRight(string(passed), "\r\n"), "\r\n")+1:]
			if len(passed) > 0 && !endsEvent(passed, len(passed)-1) && (line[0] != ':' || line[len(line)-1] != '\n') {
				t.Fatalf("%q passed of %q", passed, stream)
			}
		}
		if got := string(h.Flush(passed)); got != stream {
			t.Fatalf("%q became %q", stream, got)
		}
	})
}

func TestEventHoldBreaksOff(t *testing.T) {
	t.Parallel()
	big := "data: " + strings.Repeat("x", holdLimit)
	for _, c := range []struct {
		pieces []string
		want   string
	}{
		{[]string{"data: a\n\nda", "ta: b"}, "data: a\n\n"},
		{[]string{"data: a\n", "\n", "data: b\n"}, "data: a\n\n"},
		{[]string{big, "y"}, big + "y\n\n"},
		{[]string{big, "y\n\n", "data: b"}, big + "y\n\n"},
		{nil, ""},
	} {
		var h eventHold
		var got []byte
		for _, p := range c.pieces {
			got = h.Append(got, []byte(p))
		}
		if got = h.Break(got); string(got) != c.want {
			t.Errorf("%.40q passes as %.40q (%d bytes)", c.pieces, got, len(got))
		}
	}
}

func BenchmarkEventHold(b *testing.B) {
	b.ReportAllocs()
	chunk := []byte("data: " + strings.Repeat("x", 250) + "\n\n")
	var h eventHold
	var out []byte
	for b.Loop() {
		out = h.Append(out[:0], chunk)
	}
}
