package route

import (
	"fmt"
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// TestNearLooksAmongSoMany names and no more, and tells the same ones each time.
func TestNearLooksAmongSoMany(t *testing.T) {
	t.Parallel()
	u := Upstream{Name: "u"}
	for i := range 3 * nearAmong {
		u.Cards = append(u.Cards, model.Card{ID: fmt.Sprintf("model-%04d", i)})
	}
	s, err := NewSnapshot(Config{Upstreams: []Upstream{u}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.ordered) != nearAmong || !slices.IsSorted(s.ordered) {
		t.Errorf("near looks among %d names", len(s.ordered))
	}
	first := s.near("model-0001x")
	if len(first) != 3 || first[0] != "model-0001" {
		t.Errorf("near tells %v", first)
	}
	for range 5 {
		if again := s.near("model-0001x"); !slices.Equal(first, again) {
			t.Errorf("near tells %v, then %v", first, again)
		}
	}
}
