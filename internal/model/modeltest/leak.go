package modeltest

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"
)

// noLeak runs f and fails when goroutines it started outlive it. They are told
// apart by a profiler label, which goroutines inherit, so that checks may run
// in parallel. Idle connections of net/http's pool do not count.
func noLeak(t testing.TB, f func()) {
	t.Helper()
	label := t.Name()
	pprof.Do(context.Background(), pprof.Labels("modeltest", label), func(context.Context) { f() })
	eventually(t, "the goroutines of the call have ended", func() bool {
		return labelled(label) == "" || t.Failed()
	})
}

// labelled returns the stacks of the goroutines with the label.
func labelled(label string) string {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
		return err.Error()
	}
	var out []string
	for block := range strings.SplitSeq(buf.String(), "\n\n") {
		mine := strings.Contains(block, `"`+label+`"`)
		pooled := strings.Contains(block, "net/http.(*persistConn)") || strings.Contains(block, "net/http.(*http2ClientConn)")
		if mine && !pooled {
			out = append(out, block)
		}
	}
	return strings.Join(out, "\n\n")
}
