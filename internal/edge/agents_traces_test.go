package edge

import (
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/driver"
)

// TestTraceOfAFork: a turn in which a session was forked has events of two
// journals, whose numbers may be the same.
func TestTraceOfAFork(t *testing.T) {
	t.Parallel()
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	trace, err := shownTrace("ses_fork", &driver.Trace{Turn: "turn_1", Spans: []driver.Span{
		{Kind: driver.SpanTurn, Seq: 2, Name: "agent", Start: at(1)},
		{Kind: driver.SpanModel, Seq: 3, Parent: 2, Name: "m", Start: at(2), End: at(3)},
		{Kind: driver.SpanModel, Seq: 3, Parent: 2, Name: "m", Start: at(4), End: at(5)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	spans := gjson.GetBytes(trace.OTLP, "resourceSpans.0.scopeSpans.0.spans").Array()
	if len(spans) != 3 || spans[0].Get("parentSpanId").Exists() {
		t.Fatalf("the spans are %s", spans)
	}
	root, first, second := spans[0].Get("spanId").String(), spans[1], spans[2]
	if len(root) != 16 || first.Get("parentSpanId").String() != root || second.Get("parentSpanId").String() != root ||
		first.Get("spanId").String() == second.Get("spanId").String() || spans[1].Get("traceId").String() != spans[0].Get("traceId").String() {
		t.Errorf("the spans are %s", spans)
	}
}
