package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"testing"
	"time"
)

// TestAccessLinesAreReadAsWritten: whatever a client puts into its request, a
// reader of the log finds it again, and one line stays one line.
func TestAccessLinesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, 987_654_321, time.FixedZone("", 3600))
	for _, path := range []string{"/v1/x", `/"quoted\`, "/line\nbreak\r\t\x00\x1f\x7f", "/\xff\xfe", "/grün/日本\u2028", "/<a>&"} {
		line := appendAccess(nil, &Access{At: at, Path: path, Status: 503, Bytes: 1 << 40, Duration: 1234567 * time.Microsecond})
		if bytes.Count(line, []byte{'\n'}) != 1 || line[len(line)-1] != '\n' {
			t.Errorf("%q is not one line: %q", path, line)
		}
		var want bytes.Buffer
		r := slog.NewRecord(at, slog.LevelError, "request", 0)
		r.AddAttrs(slog.String("path", path), slog.Int("status", 503), slog.Int64("bytes", 1<<40), slog.Float64("duration_ms", 1234.567))
		if err := slog.NewJSONHandler(&want, nil).Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		var got, reference map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if err := json.Unmarshal(want.Bytes(), &reference); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, reference) {
			t.Errorf("%q is read as %v, want %v", path, got, reference)
		}
	}
}

// TestAccessLinesThatCannotBeWrittenAreCounted: the counter tells the truth.
func TestAccessLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	t.Parallel()
	l := NewAccessLog(&sink{err: context.Canceled})
	l.Log(Access{Status: 200})
	_ = l.Close() // tested elsewhere
	l.Log(Access{Status: 200})
	if l.Dropped() != 2 {
		t.Errorf("%d lines were dropped, want the one that failed and the one after the stop", l.Dropped())
	}
}
