package edge

import "testing"

func TestReaders(t *testing.T) {
	t.Parallel()
	var r readers
	r.enter("a")
	r.enter("a")
	r.enter("b")
	gone := r.gone("a")
	if r.leave("a") || r.gone("a") == nil {
		t.Error("the first of two was the last")
	}
	select {
	case <-gone:
		t.Error("all are said to be gone")
	default:
	}
	if !r.leave("a") || r.gone("a") != nil || r.gone("b") == nil {
		t.Error("the second of two was not the last")
	}
	<-gone
}
