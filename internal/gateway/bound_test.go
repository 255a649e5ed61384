package gateway

import (
	"math"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// TestBound asks for answers so long, so many or so oddly that a careless
// product of both is nothing or less: such a request would reserve no budget.
func TestBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tokens, n int
		want      int64
	}{
		{0, 0, 0},
		{0, 1, 0},
		{100, 0, 100},
		{100, 3, 300},
		{0, 128, 128 * unboundedAnswer},
		{-1, 1, 0},
		{-1, 2, 2 * unboundedAnswer},
		{math.MaxInt, 1, maxTokensBound},
		{1 << 57, 128, 128 * maxTokensBound},
		{1 << 62, 2, 2 * maxTokensBound},
		{math.MaxInt, math.MaxInt, maxTokensBound * maxAnswers},
		{math.MinInt, math.MinInt, 0},
	} {
		if got := Bound(Peeked{TextBytes: 10, MaxTokens: c.tokens, N: c.n}).Output; got != c.want {
			t.Errorf("%d tokens in %d answers: got %d, want %d", c.tokens, c.n, got, c.want)
		}
		if got := bound(&model.Request{MaxTokens: &c.tokens, N: c.n}, size{}).Output; got != c.want {
			t.Errorf("decoded, %d tokens in %d answers: got %d, want %d", c.tokens, c.n, got, c.want)
		}
	}
	if got := bound(&model.Request{N: 4}, size{}).Output; got != 4*unboundedAnswer {
		t.Errorf("4 answers without a bound: got %d", got)
	}
}

// TestBoundsCountAlike: whether a body was decoded does not change what is
// reserved for its pictures, nor by which tier.
func TestBoundsCountAlike(t *testing.T) {
	t.Parallel()
	want := model.Usage{Input: 2 + 2*tokensPerPicture, Output: 7, ServiceTier: "priority"}
	if got := Bound(Peeked{TextBytes: 4, Media: 2, MaxTokens: 7, ServiceTier: "priority"}); got != want {
		t.Errorf("peeked: %+v", got)
	}
	most := 7
	data := model.Source{Data: make([]byte, 100_000)}
	req := &model.Request{MaxTokens: &most, ServiceTier: "priority", Messages: []model.Message{{Parts: []model.Part{
		&model.Text{Text: "text"}, &model.Image{Source: data}, &model.Audio{Source: data}}}}}
	if got := bound(req, sizeOf(req)); got != want {
		t.Errorf("decoded: %+v", got)
	}
}

// TestWorst prices answers as long as the upstream is told, by the dearer of
// the tier asked for and the one that may be given instead.
func TestWorst(t *testing.T) {
	t.Parallel()
	rates := map[string]int64{"": 10, "priority": 20, "flex": 5}
	g := &Gateway{opts: Options{Guards: Guards{Worst: func(_ *model.Card, u model.Usage) (int64, bool) {
		return rates[u.ServiceTier] * u.Output, true
	}}}}
	for name, c := range map[string]struct {
		dialect model.Dialect
		limit   int
		most    model.Usage
		want    int64
	}{
		"the whole limit is sent":       {model.DialectAnthropic, 64_000, model.Usage{ServiceTier: "default"}, 640_000},
		"it is not":                     {model.DialectOpenAIChat, 64_000, model.Usage{}, 10 * unboundedAnswer},
		"the upstream chooses a tier":   {model.DialectAnthropic, 64_000, model.Usage{Output: 100, ServiceTier: "auto"}, 2_000},
		"it does so by itself":          {model.DialectAnthropic, 64_000, model.Usage{Output: 100}, 2_000},
		"or is asked to":                {model.DialectOpenAIChat, 64_000, model.Usage{Output: 100, ServiceTier: "auto"}, 2_000},
		"a short limit":                 {model.DialectOpenAIChat, 1_000, model.Usage{}, 10_000},
		"no limit known":                {model.DialectAnthropic, 0, model.Usage{ServiceTier: "default"}, 10 * unboundedAnswer},
		"the client's bound":            {model.DialectAnthropic, 64_000, model.Usage{Output: 100, ServiceTier: "default"}, 1_000},
		"a dear tier":                   {model.DialectOpenAIChat, 1_000, model.Usage{ServiceTier: "priority"}, 20_000},
		"a cheap one may not be given":  {model.DialectOpenAIChat, 1_000, model.Usage{ServiceTier: "flex"}, 10_000},
		"a tier that nobody sells here": {model.DialectOpenAIChat, 1_000, model.Usage{ServiceTier: "gold"}, 10_000},
	} {
		candidate := route.Candidate{Card: &model.Card{MaxOutputTokens: c.limit}, Dialects: []model.Dialect{c.dialect}}
		if got := g.dearest([]route.Candidate{candidate}, c.most); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
