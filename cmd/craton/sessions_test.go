package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPrintEventsKeepsTheLastID(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	stream := "event: a\nid: 4-0-1\ndata: {\"n\":1}\n\nevent: b\nid: 4-0-2\ndata: {\"n\":2}\n\n: keep-alive\n\n"
	last, err := printEvents(strings.NewReader(stream), &out)
	if last != "4-0-2" || !errors.Is(err, io.EOF) || out.String() != "{\"n\":1}\n{\"n\":2}\n" {
		t.Fatalf("printEvents = %q, %v, printed %q", last, err, out.String())
	}
}
