package table

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{"1.25": 1_250_000, "0.00875": 8750, "3": 3_000_000, "0.003625": 3625, "0": 0} {
		got, err := ParseRate(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %d (%s), %v", text, got, got, err)
		}
	}
	for _, bad := range []string{"", "-1", "x", "1e3", "0.0000001", "1000001", "+1", "1.2.3", "\"1\""} {
		if got, err := ParseRate(bad); err == nil {
			t.Errorf("%q was read as %d", bad, got)
		}
	}
	if got := Rate(8750).Nano(); got != 9 {
		t.Errorf("8.75 nano-USD rounds to %d", got)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := &Sheet{Date: "2026-01-02", Source: "here", Rows: []Row{
		{ID: "a", Rates: &Rates{Input: 1}, Tiers: map[string]Rates{"flex": {Input: 2}},
			Long: []Long{{Above: 5, Rates: Rates{Output: 3}}}, Geographies: map[string]*Rates{"us": nil, "eu": {Input: 4}}},
		{ID: "b", Can: []string{"chat"}, Deprecated: true},
	}}
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{`{"source":"x"}`, "{\"date\":\"d\",\"source\":\"s\"}\n{\"id\":\"a\",\"typo\":1}", "nonsense"} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
