package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func card(id string, aliases ...string) model.Card {
	return model.Card{ID: id, Aliases: aliases, Capabilities: []model.Capability{model.CanChat, model.CanTools}}
}

// world is two vendors, real Bedrock, a bare local server and an open-ended one.
func world() Config {
	sonnet := card("claude-x-20250101", "claude-x", "anthropic.claude-x-v1:0")
	sonnet.Capabilities = append(sonnet.Capabilities, model.CanSeeImages)
	sonnet.Dialects = []model.Dialect{model.DialectAnthropic}
	bedrock := card("amazon.pro-v1:0")
	onBedrock := card("us.meta.lama-v1:0")
	return Config{
		Upstreams: []Upstream{
			{Name: "one", Cards: []model.Card{card("gpt", "gpt-latest"), card("same")}, Dialects: []model.Dialect{model.DialectOpenAIChat}, Relay: true},
			{Name: "two", Cards: []model.Card{card("same"), sonnet}, Weight: 3, Tiers: []string{"priority"}},
			{Name: "aws", Cards: []model.Card{bedrock, onBedrock}, Dialects: []model.Dialect{model.DialectConverse}},
			{Name: "local", Cards: []model.Card{{ID: "Qwen/Q-8B"}}},
			{Name: "azure", Unlisted: true},
		},
		Aliases: map[string][]Target{
			"fast":   {{Model: "one/same"}, {Model: "two/same"}},
			"tiered": {{Model: "two/same", Priority: 5}, {Model: "one/same"}},
			"second": {{Model: "fast"}},
			"same2":  {{Model: "same"}},
			"gpt":    {{Model: "gpt"}},
		},
		Fallbacks:   map[string][]string{"claude-x": {"gpt", "aws/amazon.pro-v1:0", "gpt"}},
		Geographies: []string{"us", "eu"},
	}
}

func snapshot(t testing.TB, c Config) *Snapshot {
	t.Helper()
	s, err := NewSnapshot(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(list []Candidate) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Upstream+"/"+c.Model)
	}
	return strings.Join(out, " ")
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	cases := []struct{ asked, want string }{
		{"", "one/gpt"},
		{"one/gpt", "one/gpt"},
		{"gpt", "one/gpt"},
		{"gpt-latest", "one/gpt"},
		{"one/gpt-latest", "one/gpt"},
		{"two/same", "two/same"},
		{"Qwen/Q-8B", "local/Qwen/Q-8B"},
		{"local/Qwen/Q-8B", "local/Qwen/Q-8B"},
		{"claude-x", "two/claude-x-20250101 one/gpt aws/amazon.pro-v1:0"},
		{"anthropic.claude-x-v1:0", "two/claude-x-20250101"},
		{"us.anthropic.claude-x-v1:0", "two/claude-x-20250101"},
		{"amazon.pro-v1:0", "aws/amazon.pro-v1:0"},
		{"eu.amazon.pro-v1:0", "aws/eu.amazon.pro-v1:0"},
		{"arn:aws:bedrock:us-east-1::foundation-model/amazon.pro-v1:0", "aws/amazon.pro-v1:0"},
		{"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.pro-v1:0", "aws/eu.amazon.pro-v1:0"},
		{"amazon.pro-v1:0:28k", "aws/amazon.pro-v1:0"},
		{"meta.lama-v1:0", "aws/us.meta.lama-v1:0"},
		{"us.meta.lama-v1:0", "aws/us.meta.lama-v1:0"},
		{"azure/my-deployment", "azure/my-deployment"},
		{"second", "two/same one/same"},
		{"tiered", "one/same two/same"},
	}
	for _, c := range cases {
		got, err := s.Route(Facts{Model: c.asked}, Conditions{})
		if err != nil || names(got) != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.asked, names(got), err, c.want)
		}
		for _, g := range got {
			if g.Card == nil || len(g.Reasons) == 0 {
				t.Errorf("%q: candidate %+v lacks a card or reasons", c.asked, g)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	cases := []struct {
		facts      Facts
		kind       model.Kind
		candidates string
	}{
		{Facts{Model: "same"}, model.Invalid, "one/same two/same"},
		{Facts{Model: "same2"}, model.ModelNotFound, ""},
		{Facts{Model: "gpt-lates"}, model.ModelNotFound, "gpt-latest"},
		{Facts{Model: "aws/nothing-like-it-at-all"}, model.ModelNotFound, ""},
		{Facts{Model: "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefabcdef"}, model.ModelNotFound, ""},
		{Facts{Model: strings.Repeat("x", 5000)}, model.ModelNotFound, ""},
		// Deployments stand in the path, with the operator's key beside it.
		{Facts{Model: "azure/.."}, model.ModelNotFound, ""},
		{Facts{Model: "azure/."}, model.ModelNotFound, ""},
		{Facts{Model: "azure/x\r\ny"}, model.ModelNotFound, ""},
		{Facts{Model: "one/gpt", Needs: Need(model.CanSeeImages)}, model.Unsupported, "two/claude-x-20250101"},
		{Facts{Model: "fast", Needs: Need(model.CanWatchVideo)}, model.Unsupported, ""},
	}
	for _, c := range cases {
		_, err := s.Route(c.facts, Conditions{})
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%.40q: got %v, want kind %v", c.facts.Model, err, c.kind)
			continue
		}
		if got := strings.Join(e.Candidates, " "); c.candidates != "" && got != c.candidates {
			t.Errorf("%q: candidates %q, want %q", c.facts.Model, got, c.candidates)
		}
		if e.Hint == "" || len(e.Public()) > 800 {
			t.Errorf("%.40q: public text %q", c.facts.Model, e.Public())
		}
	}
}

// TestWhatIsNotKnownIsNotRefused: a bare server's card lists nothing, and what
// only orders candidates never refuses one.
func TestWhatIsNotKnownIsNotRefused(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	for name, needs := range map[string]Needs{
		"local/Qwen/Q-8B": Need(model.CanSeeImages, model.CanTools),
		"one/gpt":         Need(model.CanSchema, model.CanReadDocuments, model.CanSeed, model.CanReason),
	} {
		if _, err := s.Route(Facts{Model: name, Needs: needs}, Conditions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFallbackSkipsTheUnable(t *testing.T) {
	t.Parallel()
	c := world()
	c.Fallbacks = map[string][]string{"*": {"claude-x"}}
	s := snapshot(t, c)
	got, err := s.Route(Facts{Model: "gpt", Needs: Need(model.CanSeeImages)}, Conditions{})
	if err != nil || names(got) != "two/claude-x-20250101" {
		t.Fatalf("got %q, %v", names(got), err)
	}
}

func TestOpenBreakersComeLast(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	open := func(u string) bool { return u == "two" }
	got, err := s.Route(Facts{Model: "claude-x"}, Conditions{Open: open})
	if err != nil || names(got) != "one/gpt aws/amazon.pro-v1:0 two/claude-x-20250101" {
		t.Fatalf("got %q, %v", names(got), err)
	}
	if last := got[2].Reasons; last[len(last)-1] != openReason {
		t.Errorf("reasons %q", last)
	}
	again, _ := s.Route(Facts{Model: "claude-x"}, Conditions{})
	if slices.Contains(again[0].Reasons, openReason) {
		t.Error("an answer changed the snapshot")
	}
}

func TestWeightsShareRequests(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	first := map[string]int{}
	for lot := range 4 {
		got, err := s.Route(Facts{Model: "fast"}, Conditions{Random: func(n int) int {
			if n != 4 {
				t.Fatalf("drawn from %d, want the sum of weights 1+3", n)
			}
			return lot
		}})
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		first[got[0].Upstream]++
	}
	if first["one"] != 1 || first["two"] != 3 {
		t.Errorf("shares %v, want one:1 two:3", first)
	}
}

func TestTierIsPreferred(t *testing.T) {
	t.Parallel()
	c := world()
	c.Upstreams[1].Weight = -1
	s := snapshot(t, c)
	got, _ := s.Route(Facts{Model: "fast"}, Conditions{})
	if names(got) != "one/same two/same" {
		t.Errorf("without a tier: %q", names(got))
	}
	got, _ = s.Route(Facts{Model: "fast", ServiceTier: "priority"}, Conditions{})
	if names(got) != "two/same one/same" {
		t.Errorf("with a tier: %q", names(got))
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	bad := []Config{
		{Upstreams: []Upstream{{Name: ""}}},
		{Upstreams: []Upstream{{Name: "a"}, {Name: "a"}}},
		{Upstreams: []Upstream{{Name: "a/b"}}},
	}
	for i, c := range bad {
		if _, err := NewSnapshot(c); err == nil {
			t.Errorf("config %d was accepted", i)
		}
	}
	_, err := snapshot(t, Config{}).Route(Facts{}, Conditions{})
	if model.AsError(err).Kind != model.ModelNotFound {
		t.Errorf("empty: %v", err)
	}
}

// TestWrongAliases checks that an alias that means nothing takes no other name down.
func TestWrongAliases(t *testing.T) {
	t.Parallel()
	c := world()
	c.Aliases = map[string][]Target{
		"a": {{Model: "b"}}, "b": {{Model: "c"}}, "c": {{Model: "a"}}, "self": {{Model: "self"}}, "empty": nil, "gone": {{Model: "nobody/none"}},
		"half": {{Model: "a"}, {Model: "one/same"}}, "good": {{Model: "two/same"}},
	}
	s := snapshot(t, c)
	for _, name := range []string{"a", "b", "c", "self", "empty", "gone"} {
		if _, err := s.Route(Facts{Model: name}, Conditions{}); err == nil || model.AsError(err).Kind != model.ModelNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"half": "one/same", "good": "two/same", "gpt-latest": "one/gpt"} {
		if got, err := s.Route(Facts{Model: name}, Conditions{}); err != nil || names(got) != want {
			t.Errorf("%s: %q, %v", name, names(got), err)
		}
	}
}

func TestLane(t *testing.T) {
	t.Parallel()
	s := snapshot(t, world())
	one, _ := s.Route(Facts{Model: "gpt"}, Conditions{})
	two, _ := s.Route(Facts{Model: "two/same"}, Conditions{})
	cases := []struct {
		facts Facts
		c     *Candidate
		want  Way
	}{
		{Facts{Dialect: model.DialectOpenAIChat}, &one[0], Fast},
		{Facts{Dialect: model.DialectOpenAIChat, BodyNeededBy: "guardrail"}, &one[0], Slow},
		{Facts{Dialect: model.DialectAnthropic}, &one[0], Slow},
		{Facts{Dialect: model.DialectOpenAIChat}, &two[0], Slow},
	}
	for i, c := range cases {
		if got, why := Lane(c.facts, c.c); got != c.want || why == "" {
			t.Errorf("case %d: %v because %q", i, got, why)
		}
	}
}

func TestNeedsOf(t *testing.T) {
	t.Parallel()
	seed := int64(1)
	req := &model.Request{
		Tools: []model.Tool{{Name: "f"}}, Seed: &seed, Format: &model.Format{Kind: model.FormatSchema},
		Reasoning: &model.ReasoningConfig{Effort: "none"},
		Messages: []model.Message{{Role: model.RoleUser, Parts: []model.Part{
			&model.Document{Source: model.Source{Text: "plain"}},
			&model.ToolResult{Content: []model.Part{&model.Image{}}},
		}}},
	}
	want := Need(model.CanChat, model.CanTools, model.CanSeed, model.CanSchema, model.CanSeeImages)
	if got := NeedsOf(req); got != want {
		t.Errorf("got %v, want %v", got.List(), want.List())
	}
	req.Messages[0].Parts = append(req.Messages[0].Parts, &model.Document{Source: model.Source{Data: []byte("%PDF"), MIME: "application/pdf"}})
	if NeedsOf(req)&Need(model.CanReadDocuments) == 0 {
		t.Error("a PDF asks for no document reading")
	}
}

// BenchmarkRoute looks names up among 20 upstreams of 200 models each.
func BenchmarkRoute(b *testing.B) {
	var c Config
	for u := range 20 {
		up := Upstream{Name: fmt.Sprintf("up%d", u)}
		for m := range 200 {
			up.Cards = append(up.Cards, card(fmt.Sprintf("model-%d-%d", u, m)))
		}
		c.Upstreams = append(c.Upstreams, up)
	}
	c.Aliases = map[string][]Target{"pool": {{Model: "up1/model-1-1"}, {Model: "up2/model-2-1"}, {Model: "up3/model-3-1"}}}
	c.Geographies = []string{"us"}
	c.Upstreams[0].Cards = append(c.Upstreams[0].Cards, card("amazon.nova-v1:0"))
	s := snapshot(b, c)
	for _, name := range []string{"up7/model-7-77", "model-7-77", "pool", "us.amazon.nova-v1:0"} {
		b.Run(strings.ReplaceAll(name, "/", "_"), func(b *testing.B) {
			b.ReportAllocs()
			f := Facts{Model: name, Needs: Need(model.CanChat, model.CanTools)}
			cond := Conditions{Random: func(int) int { return 0 }, Open: func(string) bool { return false }}
			for b.Loop() {
				if _, err := s.Route(f, cond); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAliasKeepsItsTarget asks for an alias of an upstream that is not in this
// snapshot, as another tenant's would not be: its name is nobody's business.
func TestAliasKeepsItsTarget(t *testing.T) {
	t.Parallel()
	s := snapshot(t, Config{Upstreams: []Upstream{{Name: "one", Cards: []model.Card{card("gpt")}}},
		Aliases: map[string][]Target{"best": {{Model: "secret/project-x"}}}})
	_, err := s.Route(Facts{Model: "best"}, Conditions{})
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != model.ModelNotFound || strings.Contains(e.Public(), "secret") || !strings.Contains(e.Error(), "secret/project-x") {
		t.Errorf("got %v", err)
	}
}
