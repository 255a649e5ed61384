package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Upstream is a configured upstream with the models it lists.
type Upstream struct {
	// Name is unique and holds no "/".
	Name string
	// Priority orders upstreams of a pool: lower is tried first.
	Priority int
	// Weight shares requests among equal priorities; 0 means 1, negative none
	// unless no other is left.
	Weight int
	// Cards are the models it lists, completed by the catalogue.
	Cards []model.Card
	// Dialects are what it natively speaks, for cards that list none.
	Dialects []model.Dialect
	// Relay says that its provider implements model.Relay.
	Relay bool
	// Tiers are the service tiers it sells; empty when unknown.
	Tiers []string
	// Unlisted says that it serves models it does not list: "name/anything" is
	// passed to it as it stands.
	Unlisted bool
}

// Target is one member of an alias's pool.
type Target struct {
	// Model is any unambiguous name other than an alias of targets in a loop.
	Model string
	// Priority and Weight are as Upstream's; Weight 0 takes the upstream's own.
	Priority, Weight int
}

// Config is what a Snapshot is made of.
type Config struct {
	Upstreams []Upstream
	// Aliases map a name to its pool.
	Aliases map[string][]Target
	// Fallbacks map a name, as asked or as "upstream/model", to the names tried
	// after it, in order. "*" holds for every name without its own chain.
	Fallbacks map[string][]string
	// Default is the model of a request that names none; empty means the first
	// chat model of the first upstream.
	Default string
	// Geographies are the prefixes of inference profiles, such as "us".
	Geographies []string
	// Complete fills the card of a model that an Unlisted upstream is asked
	// for; nil leaves it bare.
	Complete func(model.Card) model.Card
}

// Candidate is an upstream that may serve the request.
type Candidate struct {
	Upstream string
	// Model is the upstream's own name of the model.
	Model string
	// Card describes it; never nil, not to be modified.
	Card *model.Card
	// Reasons say why it is here and at this place, for people.
	Reasons []string
	// Relay says that its provider implements model.Relay, and Dialects what it natively speaks.
	Relay    bool
	Dialects []model.Dialect
}

// rank orders the ways a name can be meant; a lower one hides the higher.
type rank uint8

const (
	rankAlias rank = iota
	rankQualified
	rankID
	rankCardAlias
	rankProfile
)

var rankReasons = [...][]string{
	rankAlias:     {"in the alias's pool"},
	rankQualified: {"named with its upstream"},
	rankID:        {"the only upstream that lists this id"},
	rankCardAlias: {"the only upstream that lists this alias of the model"},
	rankProfile:   {"the only upstream that lists an inference profile of this model"},
}

type target struct {
	Candidate
	priority, weight int
	has              Needs
	tiers            []string
}

func (t *target) qualified() string { return t.Upstream + "/" + t.Model }

// entry is what a name means.
type entry struct {
	rank rank
	// pool holds the equals in order of priority; more than one only under an alias.
	pool []target
	// chain is the fallback chain behind the pool.
	chain []target
	// clash lists the meanings of an ambiguous name.
	clash []string
	// plain is the whole answer where there is nothing to choose.
	plain []Candidate
	// fault is why an alias means nothing at the moment.
	fault *model.Error
}

// Snapshot is a compiled Config: immutable, safe for concurrent use.
type Snapshot struct {
	names       map[string]*entry
	ordered     []string // of names, the first nearAmong that near may tell
	upstreams   map[string]*Upstream
	defaultName string
	geographies []string
	fallbacks   map[string][]string
	complete    func(model.Card) model.Card
}

// NewSnapshot compiles a Config. It refuses upstreams without a name, with a
// "/" in it, or named twice. An alias that means nothing, for it is empty, runs
// in a circle or its model is not listed now, is not refused here but answered
// when asked for: one wrong name must not take the others down. The Config must not be
// modified afterwards.
func NewSnapshot(c Config) (*Snapshot, error) {
	s := &Snapshot{
		names: map[string]*entry{}, upstreams: map[string]*Upstream{}, geographies: c.Geographies,
		fallbacks: c.Fallbacks, complete: c.Complete,
	}
	if s.complete == nil {
		s.complete = func(card model.Card) model.Card { return card }
	}
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		if u.Name == "" || strings.Contains(u.Name, "/") || s.upstreams[u.Name] != nil {
			return nil, model.Errorf(model.Invalid, fmt.Sprintf("upstreams.%d.name", i),
				"The upstream name %q is empty, used twice or holds a slash.", u.Name)
		}
		s.upstreams[u.Name] = u
		s.list(u)
	}
	s.alias(c.Aliases)
	for name, e := range s.names {
		e.chain = s.chain(name, e)
	}
	for name, e := range s.names {
		e.settle()
		if e.fault == nil && e.rank <= rankCardAlias {
			s.ordered = append(s.ordered, name)
		}
	}
	slices.Sort(s.ordered)
	s.ordered = slices.Clip(s.ordered[:min(len(s.ordered), nearAmong)])
	s.defaultName = c.Default
	if s.defaultName == "" {
		s.defaultName = firstChat(c.Upstreams)
	}
	return s, nil
}

// Default is the name of the model used when none is asked for; empty when there is none.
func (s *Snapshot) Default() string { return s.defaultName }

func firstChat(upstreams []Upstream) string {
	for _, u := range upstreams {
		for i := range u.Cards {
			if has(&u.Cards[i])&Need(model.CanChat) != 0 {
				return u.Name + "/" + u.Cards[i].ID
			}
		}
	}
	return ""
}

// list enters an upstream's cards under all their names.
func (s *Snapshot) list(u *Upstream) {
	for i := range u.Cards {
		card := &u.Cards[i]
		t := newTarget(u, card)
		s.enter(u.Name+"/"+card.ID, rankQualified, t)
		s.enter(card.ID, rankID, t)
		for _, alias := range card.Aliases {
			s.enter(u.Name+"/"+alias, rankCardAlias, t)
			s.enter(alias, rankCardAlias, t)
		}
		if _, base, ok := s.profile(card.ID); ok {
			s.enter(u.Name+"/"+base, rankProfile, t)
			s.enter(base, rankProfile, t)
		}
	}
}

func newTarget(u *Upstream, card *model.Card) target {
	t := target{
		Candidate: Candidate{Upstream: u.Name, Model: card.ID, Card: card, Relay: u.Relay, Dialects: card.Dialects},
		priority:  u.Priority, weight: u.Weight, has: has(card), tiers: u.Tiers,
	}
	if len(t.Dialects) == 0 {
		t.Dialects = u.Dialects
	}
	return t
}

// enter adds a meaning to a name: a better rank replaces, an equal one joins.
func (s *Snapshot) enter(name string, r rank, t target) {
	t.Reasons = rankReasons[r]
	e := s.names[name]
	switch {
	case e == nil || r < e.rank:
		s.names[name] = &entry{rank: r, pool: []target{t}}
	case r > e.rank:
	case !slices.ContainsFunc(e.pool, func(o target) bool { return o.qualified() == t.qualified() }):
		e.pool = append(e.pool, t)
	}
}

// settle prepares an entry's constant answer.
func (e *entry) settle() {
	slices.SortStableFunc(e.pool, func(a, b target) int { return a.priority - b.priority })
	if e.rank != rankAlias && len(e.pool) > 1 {
		for i := range e.pool {
			e.clash = append(e.clash, e.pool[i].qualified())
		}
		slices.Sort(e.clash)
	}
	if len(e.pool) == 1 && len(e.chain) == 0 {
		e.plain = []Candidate{e.pool[0].Candidate}
	}
}

// chain finds the fallbacks of a name: under the name itself, else under the
// qualified name of what it means, else under "*".
func (s *Snapshot) chain(name string, e *entry) []target {
	list, ok := s.fallbacks[name]
	for i := 0; !ok && i < len(e.pool); i++ {
		list, ok = s.fallbacks[e.pool[i].qualified()]
	}
	if !ok {
		list = s.fallbacks["*"]
	}
	var chain []target
	seen := map[string]bool{}
	for i := range e.pool {
		seen[e.pool[i].qualified()] = true
	}
	for _, next := range list {
		for _, t := range s.members(next) {
			if !seen[t.qualified()] {
				seen[t.qualified()] = true
				t.Reasons = []string{"in the fallback chain"}
				chain = append(chain, t)
			}
		}
	}
	return chain
}

// members lists what an unambiguous name or an alias means, else nothing.
func (s *Snapshot) members(name string) []target {
	e, err := s.find(name)
	if err != nil || (e.rank != rankAlias && len(e.pool) > 1) {
		return nil
	}
	return e.pool
}
