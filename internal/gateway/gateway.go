package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// RefreshEvery is how often upstreams are asked again which models they serve.
const RefreshEvery = 5 * time.Minute

// Options is what a Gateway is made of. Upstreams may be empty; Guards, Log
// and Complete are required.
type Options struct {
	Upstreams []Upstream
	Names     Names
	// Complete fills an upstream's bare card from the catalogue.
	Complete func(model.Card) model.Card
	// Guards limit, budget and meter calls.
	Guards Guards
	// Fetch gets what an address holds, public addresses only, for upstreams of
	// FetchEgress; nil refuses. Its errors are shown to the caller.
	Fetch func(ctx context.Context, address string) (mime string, data []byte, err error)
	// Files reads a file of the caller's by its id, at most so many bytes of it;
	// nil and no error for a file that is not known here, which may be the
	// upstream's own. Its errors are shown to the caller. Nil knows no files.
	Files func(ctx context.Context, who identity.Principal, id string, most int) (*Uploaded, error)
	// Random draws among equal upstreams; nil takes the heaviest.
	Random func(n int) int
	Log    *slog.Logger
}

// Gateway answers hub requests. It is safe for concurrent use.
type Gateway struct {
	opts  Options
	open  func(upstream string) bool
	world atomic.Pointer[world]
}

// New builds a gateway and asks its upstreams once which models they serve.
func New(ctx context.Context, opts Options) (*Gateway, error) {
	if opts.Complete == nil || opts.Log == nil || opts.Guards.Meter == nil {
		return nil, errors.New("gateway: Complete, Log and Guards.Meter are required")
	}
	g := &Gateway{opts: opts}
	if opts.Guards.Breakers != nil {
		g.open = opts.Guards.Breakers.Open
	}
	g.Configure(ctx, opts.Upstreams, opts.Names)
	return g, nil
}

// Configure replaces the upstreams and names. Calls under way end with the old
// ones. An upstream that does not list its models just now keeps those that one
// of its name listed before.
func (g *Gateway) Configure(ctx context.Context, upstreams []Upstream, names Names) {
	listed := list(ctx, upstreams, g.world.Load().told(), g.opts.Log)
	g.world.Store(newWorld(upstreams, listed, names, g.opts.Complete))
}

// Refresh asks the upstreams again which models they serve.
func (g *Gateway) Refresh(ctx context.Context) {
	w := g.world.Load()
	listed := list(ctx, w.upstreams, w.told(), g.opts.Log)
	g.world.CompareAndSwap(w, newWorld(w.upstreams, listed, w.names, g.opts.Complete))
}

// Models lists what the caller may use, the operator's aliases last and the
// default model first.
func (g *Gateway) Models(_ context.Context, who identity.Principal) ([]model.Card, error) {
	w := g.world.Load()
	snap, err := w.view(&who.Tenant)
	if err != nil {
		return nil, err
	}
	var cards []model.Card
	for i := range w.upstreams {
		if !w.upstreams[i].visibleTo(&who.Tenant) {
			continue
		}
		for _, card := range w.cards[i] {
			card.ID = card.Upstream + "/" + card.ID
			cards = append(cards, card)
		}
	}
	cards = append(cards, aliases(snap, w.names.Aliases, cards)...)
	first := snap.Default()
	if i := slices.IndexFunc(cards, func(c model.Card) bool { return c.ID == first }); i > 0 {
		card := cards[i]
		copy(cards[1:i+1], cards[:i])
		cards[0] = card
	}
	return cards, nil
}

// aliases describes the operator's names by the models they mean now. One that
// means nothing at the moment is left out, and so is one that hides a model of
// its own name.
func aliases(snap *route.Snapshot, names map[string][]route.Target, listed []model.Card) []model.Card {
	var cards []model.Card
	for _, name := range slices.Sorted(maps.Keys(names)) {
		found, err := snap.Route(route.Facts{Model: name}, route.Conditions{})
		if err != nil || slices.ContainsFunc(listed, func(c model.Card) bool { return c.ID == name }) {
			continue
		}
		card := *found[0].Card
		card.ID, card.Aliases, card.Upstream = name, nil, found[0].Upstream
		card.AliasOf = found[0].Upstream + "/" + found[0].Model
		cards = append(cards, card)
	}
	return cards
}

// Lists reports whether an upstream lists a model of this id, given alone or as
// "upstream/id", or one also called so, whoever may use it. It is the operator's
// question.
func (g *Gateway) Lists(name string) bool {
	w := g.world.Load()
	for i := range w.upstreams {
		for j := range w.cards[i] {
			card := &w.cards[i][j]
			if name == card.ID || name == w.upstreams[i].Name+"/"+card.ID || slices.Contains(card.Aliases, name) {
				return true
			}
		}
	}
	return false
}

// Priced reports whether a price is known of an upstream's model, listed or not.
func (g *Gateway) Priced(upstream, id string) bool {
	w := g.world.Load()
	for i := range w.upstreams {
		for j := range w.cards[i] {
			if w.upstreams[i].Name == upstream && w.cards[i][j].ID == id {
				return w.cards[i][j].Price.Known
			}
		}
	}
	return w.complete(model.Card{ID: id, Upstream: upstream}).Price.Known
}

// candidates routes a request among what the caller may see.
func (g *Gateway) candidates(who *identity.Principal, f route.Facts) (*world, []route.Candidate, error) {
	w := g.world.Load()
	snap, err := w.view(&who.Tenant)
	if err != nil {
		return nil, nil, err
	}
	found, err := snap.Route(f, route.Conditions{Open: g.open, Random: g.opts.Random})
	return w, found, err
}
