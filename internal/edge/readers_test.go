package edge

import "testing"

func TestReaders(t *testing.T) {
	t.Parallel()
	var r readers
	r.enter("a")
	r.enter("a")
	r.enter("b")
	if r.leave("a") || !r.has("a") {
		t.Error("the first of two was the last")
	}
	if !r.leave("a") || r.has("a") || !r.has("b") {
		t.Error("the second of two was not the last")
	}
}
