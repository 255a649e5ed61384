// Package all lists the kinds of upstream. It is for the command that wires
// the server, the only place that may know every kind: nothing registers
// itself, and what is not in the list does not exist.
//
//	p, err := all.New(provider.Config{Name: "local", Kind: "openai", BaseURL: "http://127.0.0.1:11434/v1"})
package all

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/anthropic"
	"github.com/craton-ai/craton/internal/provider/bedrock"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
)

// kind is a row of the list.
type kind struct {
	name     string
	open     func(provider.Config) (model.Provider, error)
	dialects []model.Dialect
}

// kinds is the list.
func kinds() []kind {
	chat := []model.Dialect{model.DialectOpenAIChat}
	return []kind{
		{"openai", opened(openai.New), chat},
		{openai.KindAzure, opened(openai.New), chat},
		{"anthropic", opened(anthropic.New), []model.Dialect{model.DialectAnthropic}},
		{"bedrock", opened(bedrock.New), []model.Dialect{model.DialectConverse, model.DialectInvoke}},
		{"script", scripted, nil},
	}
}

// opened gives a constructor the list's type, without turning a nil pointer
// into a provider.
func opened[P model.Provider](open func(provider.Config) (P, error)) func(provider.Config) (model.Provider, error) {
	return func(cfg provider.Config) (model.Provider, error) {
		p, err := open(cfg)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

func scripted(cfg provider.Config) (model.Provider, error) {
	var own script.Config
	if cfg.Script != nil {
		own = *cfg.Script
	}
	if own.Models == nil && len(cfg.Models) > 0 {
		for _, id := range cfg.Models {
			card := script.Cards()[0]
			card.ID = id
			own.Models = append(own.Models, card)
		}
	}
	m, err := script.New(own)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// New returns the upstream cfg describes. An unknown kind, or a member that is
// wrong, is an *model.Error of kind Invalid. The provider of an upstream that
// is reached over a network is also an io.Closer.
func New(cfg provider.Config) (model.Provider, error) {
	for _, k := range kinds() {
		if k.name == cfg.Kind {
			return k.open(cfg)
		}
	}
	return nil, model.Errorf(model.Invalid, "kind", "There is no kind of upstream %q.", cfg.Kind).
		WithHint("The kinds are " + strings.Join(Kinds(), ", ") + ".")
}

// Kinds lists the kinds.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// Dialects lists the dialects every upstream of a kind natively speaks, for the
// fast lane. Responses is not among them: that depends on the server
// (provider.OpenAI), and its state is the edge's business.
func Dialects(name string) []model.Dialect {
	for _, k := range kinds() {
		if k.name == name {
			return k.dialects
		}
	}
	return nil
}
