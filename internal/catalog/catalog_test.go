package catalog

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/catalog/table"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

func load(t testing.TB, rows ...table.Row) *Catalog {
	t.Helper()
	c, err := New(rows)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// card returns a catalogue card under test.
func card(t testing.TB, c *Catalog, id string) *model.Card {
	t.Helper()
	got, ok := c.Lookup(id)
	if !ok {
		t.Fatalf("%q is not in the catalogue", id)
	}
	return &got
}

// TestCost compares with sums worked out by hand from the vendors' prices in USD per million tokens.
func TestCost(t *testing.T) {
	t.Parallel()
	c := load(t)
	cases := []struct {
		name, id string
		usage    model.Usage
		nano     int64
	}{
		{"1000 × 1.25 + 500 × 10", "gpt-5", model.Usage{Input: 1000, Output: 500}, 1_250_000 + 5_000_000},
		{"cached at a tenth", "gpt-5", model.Usage{CacheRead: 1_000_000}, 125_000_000},
		{"reasoning costs as output", "gpt-5", model.Usage{Output: 500, Reasoning: 400}, 5_000_000},
		{"an alias costs the same", "gpt-5-2025-08-07", model.Usage{Input: 1000}, 1_250_000},
		{"flex is half", "gpt-5", model.Usage{Input: 1000, Output: 500, ServiceTier: "flex"}, 3_125_000},
		{"an unknown tier is standard", "gpt-5", model.Usage{Input: 1000, ServiceTier: "default"}, 1_250_000},
		{"writes by time to live", "claude-sonnet-4-5-20250929",
			model.Usage{Input: 10, CacheRead: 1000, CacheWrite5m: 100, CacheWrite1h: 100, Output: 10},
			30_000 + 300_000 + 375_000 + 600_000 + 150_000},
		{"long input doubles", "claude-sonnet-4-5-20250929", model.Usage{Input: 200_001, Output: 1000},
			200_001*6_000 + 1000*22_500},
		{"up to the edge it does not", "claude-sonnet-4-5-20250929", model.Usage{Input: 200_000}, 200_000 * 3_000},
		{"the US profile costs a tenth more", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", model.Usage{Input: 1000, Output: 1000}, 3_300_000 + 16_500_000},
		{"the global one does not", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", model.Usage{Input: 1000, Output: 1000}, 18_000_000},
		{"audio in and out", "gpt-audio", model.Usage{Input: 110, AudioInput: 100, Output: 60, AudioOutput: 50},
			10*2_500 + 100*32_000 + 10*10_000 + 50*64_000},
		{"below a nano-USD a token: 8.75 × 1001, rounded", "amazon.nova-micro-v1:0", model.Usage{CacheRead: 1001}, 8759},
		{"and 8.75 × 2 rounds half up", "amazon.nova-micro-v1:0", model.Usage{CacheRead: 2}, 18},
		{"embeddings have no output", "text-embedding-3-small", model.Usage{Input: 8}, 160},
		{"a cache write not sold apart costs as input", "amazon.nova-pro-v1:0", model.Usage{CacheWrite5m: 100}, 80_000},
		{"nothing", "gpt-5", model.Usage{}, 0},
		{"nonsense counts as nothing", "gpt-5", model.Usage{Input: -5, AudioInput: 3, Output: 1, Reasoning: 9}, 10_000},
		{"absurd counts saturate", "o1-pro", model.Usage{Input: math.MaxInt64, Output: math.MaxInt64}, math.MaxInt64},
	}
	for _, k := range cases {
		if nano, known := c.Cost(card(t, c, k.id), k.usage); nano != k.nano || !known {
			t.Errorf("%s (%s): got %d known=%v, want %d", k.name, k.id, nano, known, k.nano)
		}
	}
}

func TestUnknownCosts(t *testing.T) {
	t.Parallel()
	c := load(t)
	if _, known := c.Cost(&model.Card{ID: "my-own"}, model.Usage{Input: 1}); known {
		t.Error("a card without a price has a known cost")
	}
	if _, known := c.Worst(&model.Card{ID: "my-own"}, Ask{InputTokens: 1}); known {
		t.Error("a card without a price has a known worst case")
	}
	if _, known := c.Cost(card(t, c, "gpt-5"), model.Usage{Absent: true}); known {
		t.Error("absent usage has a known cost")
	}
	free := model.Card{ID: "local", Price: model.Price{Known: true}}
	if nano, known := c.Cost(&free, model.Usage{Input: 1 << 40}); nano != 0 || !known {
		t.Errorf("a free model costs %d, known %v", nano, known)
	}
	own := *card(t, c, "gpt-5")
	own.Price.Input = 7
	if nano, _ := c.Cost(&own, model.Usage{Input: 3, ServiceTier: "flex"}); nano != 21 {
		t.Errorf("a price set on the card itself: %d, want 21", nano)
	}
}

func TestWorstBoundsCost(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, k := range c.Cards() {
		for _, in := range []int64{1, 1000, 300_000} {
			worst, known := c.Worst(&k, Ask{InputTokens: in, OutputTokens: 1000, Audio: true})
			for _, u := range []model.Usage{
				{Input: in, Output: 1000}, {CacheRead: in}, {CacheWrite5m: in, Output: 1000, Reasoning: 1000},
				{CacheWrite1h: in, Output: 1000, AudioOutput: 1000}, {Input: in, AudioInput: in},
			} {
				cost, knownToo := c.Cost(&k, u)
				if cost > worst || known != knownToo {
					t.Fatalf("%s: cost %d of %+v exceeds the worst case %d", k.ID, cost, u, worst)
				}
			}
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	c := load(t)
	vendors, base := map[string]int{}, 0
	for _, k := range c.Cards() {
		if k.Vendor == "" || k.Name == "" || len(k.Capabilities) == 0 || k.Licence == "" || k.ContextTokens <= 0 {
			t.Errorf("%s is incomplete: %+v", k.ID, k)
		}
		if !k.Price.Known || k.Price.AsOf == "" || k.Price.Input <= 0 {
			t.Errorf("%s has no dated price: %+v", k.ID, k.Price)
		}
		for _, can := range k.Capabilities {
			if route.Need(can) == 0 {
				t.Errorf("%s: capability %q is not the hub's", k.ID, can)
			}
		}
		if k.Can(model.CanEmbed) == k.Can(model.CanChat) {
			t.Errorf("%s must either chat or embed", k.ID)
		}
		if k.Can(model.CanEmbed) && k.Dimensions == 0 {
			t.Errorf("%s: the size of its vectors is missing", k.ID)
		}
		if prefix, _, _ := strings.Cut(k.ID, "."); !slices.Contains(c.GeographyPrefixes(), prefix) {
			base++
			vendors[k.Vendor]++
		}
	}
	for _, v := range []string{"openai", "anthropic", "amazon", "meta", "mistral", "cohere", "deepseek", "google", "qwen"} {
		if vendors[v] < 3 {
			t.Errorf("only %d cards of %s", vendors[v], v)
		}
	}
	if base < 80 || c.Source().Date == "" {
		t.Errorf("%d cards of %+v", base, c.Source())
	}
}

func TestCompleteFillsOnlyWhatIsEmpty(t *testing.T) {
	t.Parallel()
	c := load(t)
	got := c.Complete(model.Card{ID: "claude-sonnet-4-5", Upstream: "a", ContextTokens: 7})
	if got.Upstream != "a" || got.ContextTokens != 7 || got.MaxOutputTokens != 64000 || !got.Price.Known {
		t.Errorf("completed to %+v", got)
	}
	for _, want := range []string{"claude-sonnet-4-5-20250929", "anthropic.claude-sonnet-4-5-20250929-v1:0"} {
		if !slices.Contains(got.Aliases, want) {
			t.Errorf("aliases %q lack %q", got.Aliases, want)
		}
	}
	if own, _ := c.Lookup("claude-sonnet-4-5"); own.ID != "claude-sonnet-4-5-20250929" {
		t.Errorf("the vendor's own alias means %s", own.ID)
	}
	resold := c.Complete(model.Card{ID: "anthropic.claude-sonnet-4-5-20250929-v1:0"})
	if !slices.Contains(resold.Aliases, "claude-sonnet-4-5") {
		t.Errorf("aliases of the resold model are %q", resold.Aliases)
	}
	if slices.Contains(got.Aliases, got.ID) {
		t.Error("a card is its own alias")
	}
	profile := c.Complete(model.Card{ID: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"})
	if len(profile.Aliases) != 0 || !slices.Contains(profile.Regions, "eu-central-1") {
		t.Errorf("profile completed to %+v", profile)
	}
	bare := model.Card{ID: "unheard-of", Name: "x"}
	if got := c.Complete(bare); got.Name != "x" || got.Price.Known || len(got.Capabilities) != 0 {
		t.Errorf("an unknown card became %+v", got)
	}
	later, ok := c.Lookup("jp.amazon.nova-pro-v1:0")
	if !ok || later.ID != "amazon.nova-pro-v1:0" {
		t.Errorf("a profile the tables do not list: %+v, %v", later, ok)
	}
	if _, ok := c.Lookup("nowhere.amazon.nova-pro-v1:0"); ok {
		t.Error("an unknown geography was found")
	}
}

func TestOperatorRowsWin(t *testing.T) {
	t.Parallel()
	contract := table.Rates{Input: 1_000_000, Output: 2_000_000}
	c := load(t,
		table.Row{ID: "gpt-5", Rates: &contract, AsOf: "2026-01-01"},
		table.Row{ID: "amazon.nova-lite-v1:0", Rates: &contract},
		table.Row{ID: "house-model", Can: []string{"chat"}, Aliases: []string{"ours"}, Rates: &contract})
	for _, id := range []string{"gpt-5", "ours", "eu.amazon.nova-lite-v1:0"} {
		if nano, _ := c.Cost(card(t, c, id), model.Usage{Input: 10, Output: 10, ServiceTier: "flex"}); nano != 30_000 {
			t.Errorf("%s costs %d, want the contract's 30000", id, nano)
		}
	}
	if k := card(t, c, "gpt-5"); k.Price.AsOf != "2026-01-01" || k.ContextTokens != 400000 {
		t.Errorf("the override lost facts: %+v", k)
	}
	if _, err := New([]table.Row{{Name: "no id"}}); err == nil {
		t.Error("a row without an id was accepted")
	}
}

func BenchmarkCost(b *testing.B) {
	c := load(b)
	k := card(b, c, "claude-sonnet-4-5-20250929")
	for b.Loop() {
		c.Cost(k, model.Usage{Input: 1000, CacheRead: 5000, Output: 700, Reasoning: 100})
	}
}
