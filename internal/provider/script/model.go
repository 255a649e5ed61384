package script

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// The ids of the models served when Config.Models is empty.
const (
	ChatModel  = "script-chat"
	EmbedModel = "script-embed"
)

// Config describes a scripted upstream. The zero value serves ChatModel and
// EmbedModel by DefaultRules.
type Config struct {
	// Rules are tried in order; nil means DefaultRules. When none matches, the
	// answer repeats the prompt.
	Rules []Rule `yaml:"rules"`
	// Models are the cards to serve, of which ID, Capabilities and Dimensions
	// matter to the answers; nil means Cards().
	Models []model.Card `yaml:"-"`
	// Wait waits for d or until ctx ends, and then returns ctx's error; nil uses a timer.
	Wait func(ctx context.Context, d time.Duration) error `yaml:"-"`
	// Now is the creation time of answers; nil leaves it untold.
	Now func() time.Time `yaml:"-"`
}

// Cards returns the cards of ChatModel and EmbedModel.
func Cards() []model.Card {
	return []model.Card{{
		ID: ChatModel, Name: "Craton script (answers by rules)", Vendor: "craton",
		ContextTokens: 1_000_000, MaxOutputTokens: maxWords,
		Input: []string{"text", "image", "audio", "video", "document"}, Output: []string{"text"},
		Capabilities: []model.Capability{
			model.CanChat, model.CanStream, model.CanTools, model.CanParallelTools, model.CanStrictTools,
			model.CanSchema, model.CanReason, model.CanSeeImages, model.CanHearAudio, model.CanReadDocuments,
			model.CanWatchVideo, model.CanCache, model.CanLogprobs, model.CanSeed, model.CanCount,
		},
		Licence: "Apache-2.0", Price: model.Price{Known: true},
	}, {
		ID: EmbedModel, Name: "Craton script (hashed words)", Vendor: "craton",
		ContextTokens: 1_000_000, Dimensions: 64,
		Input: []string{"text"}, Output: []string{"embedding"},
		Capabilities: []model.Capability{model.CanEmbed, model.CanCount},
		Licence:      "Apache-2.0", Price: model.Price{Known: true},
	}}
}

// Model is a scripted upstream: a model.Provider, Embedder, TokenCounter and
// Lister. It is safe for concurrent use.
type Model struct {
	rules []compiled
	cards []model.Card
	wait  func(context.Context, time.Duration) error
	now   func() time.Time
}

// New returns the upstream cfg describes, or an *model.Error of kind Invalid
// naming the rule with a bad expression.
func New(cfg Config) (*Model, error) {
	if cfg.Rules == nil {
		cfg.Rules = DefaultRules()
	}
	if cfg.Models == nil {
		cfg.Models = Cards()
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	rules, err := compile(append(slices.Clip(cfg.Rules), Rule{Name: "echo", Then: Then{Text: "You said: ${prompt}"}}))
	if err != nil {
		return nil, err
	}
	return &Model{rules: rules, cards: cfg.Models, wait: cfg.Wait, now: cfg.Now}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Models lists the cards.
func (m *Model) Models(context.Context) ([]model.Card, error) { return slices.Clone(m.cards), nil }

// CountTokens counts by the rule of Count, exactly.
func (m *Model) CountTokens(_ context.Context, req *model.Request) (int64, error) {
	if _, err := m.card(req.Model, model.CanCount); err != nil {
		return 0, err
	}
	return Count(req), nil
}

// Generate answers by the first rule that matches. It refuses with Invalid,
// Unsupported or ModelNotFound what a model of its card could not answer.
func (m *Model) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, model.AsError(err)
	}
	card, err := m.card(req.Model, model.CanChat)
	if err != nil {
		return nil, err
	}
	used := cacheUse(req)
	if err := admit(req, card, used.InputTotal()); err != nil {
		return nil, err
	}
	v := look(req)
	for i := range m.rules {
		if groups, ok := m.rules[i].match(v, card); ok {
			return m.play(ctx, &m.rules[i], v, groups, card, used)
		}
	}
	return nil, model.Errorf(model.Internal, "", "") // unreachable: New appends a rule that always matches
}

func (m *Model) card(id string, c model.Capability) (*model.Card, error) {
	var ids []string
	for i := range m.cards {
		if m.cards[i].ID == id {
			if !m.cards[i].Can(c) {
				return nil, model.Errorf(model.Unsupported, "model", "The model %s cannot do this (%s).", id, c)
			}
			return &m.cards[i], nil
		}
		ids = append(ids, m.cards[i].ID)
	}
	e := model.Errorf(model.ModelNotFound, "model", "The model %q does not exist.", id)
	e.Candidates = ids
	return nil, e.WithHint("This upstream serves " + strings.Join(ids, ", ") + ".")
}

// play turns a rule's answer into a stream.
func (m *Model) play(ctx context.Context, rule *compiled, v *view, groups map[string]string, card *model.Card, usage model.Usage) (model.Stream, error) {
	w := &writer{req: v.req, delay: rule.Then.Delay}
	if f := rule.Then.Failure; f != nil {
		w.fail = f.err(v, groups)
		if f.After == "" {
			return nil, w.fail
		}
		w.after, _ = strconv.Atoi(v.expand(f.After, groups))
	}
	a, err := rule.compose(v, groups, card)
	if err != nil {
		return nil, err
	}
	start := model.Event{Kind: model.EventStart, ID: fmt.Sprintf("script-%016x", v.digest), Model: card.ID}
	if m.now != nil {
		start.Created = m.now().Unix()
	}
	w.steps = append(w.steps, step{pause: rule.Then.FirstDelay, event: start})
	for n := range max(v.req.N, 1) {
		if !w.failed {
			w.choice(n, a)
		}
	}
	if !w.failed {
		usage.Output, usage.Reasoning = w.used, w.thinks
		w.add(model.Event{Kind: model.EventUsage, Usage: &usage})
	}
	ctx, cancel := context.WithCancel(ctx)
	return &stream{ctx: ctx, cancel: cancel, wait: m.wait, steps: w.steps, losses: lossesOf(v.req)}, nil
}
