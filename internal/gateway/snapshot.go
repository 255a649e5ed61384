package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// Upstream is a configured upstream, ready to be called.
type Upstream struct {
	// Name is unique and holds no "/".
	Name string
	// Provider answers, with the guards that belong to one upstream around it.
	Provider model.Provider
	// Once is the same without retries, for a request on which they were used
	// up; nil takes Provider.
	Once model.Provider
	// Dialects are what it natively speaks.
	Dialects []model.Dialect
	// Priority and Weight order it among equals; see route.Upstream.
	Priority, Weight int
	// Unlisted says that it serves models it does not list.
	Unlisted bool
	// Cards are its models where they are configured; nil asks its Lister.
	Cards []model.Card
	// RootOnly hides it from every tenant but the root tenant; Tenants limits
	// it to tenants of these names, empty meaning all.
	RootOnly bool
	Tenants  []string
	// FetchURLs says who fetches the images and files that requests name.
	FetchURLs Fetching
}

// visibleTo reports whether a tenant may use the upstream.
func (u *Upstream) visibleTo(t *identity.Tenant) bool {
	if u.RootOnly && !t.Root {
		return false
	}
	return len(u.Tenants) == 0 || slices.Contains(u.Tenants, t.Name)
}

// Names is how the operator names models beyond what upstreams list.
type Names struct {
	Aliases     map[string][]route.Target
	Fallbacks   map[string][]string
	Default     string
	Geographies []string
}

// world is everything routing needs at one moment. It is immutable but for the
// per-tenant snapshots, which are made on demand.
type world struct {
	upstreams []Upstream
	byName    map[string]*Upstream
	listed    [][]model.Card // by upstream, as it told them
	cards     [][]model.Card // the same, completed
	names     Names
	complete  func(model.Card) model.Card

	mu    sync.RWMutex
	views map[string]*route.Snapshot // by visibility mask
	masks map[seer]string            // by what visibility depends on
}

// seer is what a tenant's visibility depends on: a tenant that is renamed is
// another one to the operator's lists.
type seer struct {
	id, name string
	root     bool
}

func newWorld(upstreams []Upstream, listed [][]model.Card, names Names, complete func(model.Card) model.Card) *world {
	w := &world{upstreams: upstreams, byName: map[string]*Upstream{}, names: names, complete: complete,
		listed: listed, cards: make([][]model.Card, len(upstreams)), views: map[string]*route.Snapshot{}, masks: map[seer]string{}}
	for i := range upstreams {
		w.byName[upstreams[i].Name] = &upstreams[i]
		for _, card := range listed[i] {
			card.Upstream = upstreams[i].Name
			w.cards[i] = append(w.cards[i], complete(card))
		}
	}
	return w
}

// told is what each upstream listed, by name; nothing of no world. It is not
// completed: the catalogue's prices may change with the world.
func (w *world) told() map[string][]model.Card {
	before := map[string][]model.Card{}
	if w == nil {
		return before
	}
	for i := range w.upstreams {
		before[w.upstreams[i].Name] = w.listed[i]
	}
	return before
}

// view returns the snapshot of what a tenant may see.
func (w *world) view(t *identity.Tenant) (*route.Snapshot, error) {
	who := seer{t.ID, t.Name, t.Root}
	w.mu.RLock()
	snap := w.views[w.masks[who]]
	w.mu.RUnlock()
	if snap != nil {
		return snap, nil
	}
	mask := make([]byte, len(w.upstreams)+1)
	mask[len(w.upstreams)] = 1 // a tenant that sees nothing has a mask of its own
	var visible []route.Upstream
	for i := range w.upstreams {
		u := &w.upstreams[i]
		if !u.visibleTo(t) {
			continue
		}
		mask[i] = 1
		_, relays := model.As[model.Relay](u.Provider)
		visible = append(visible, route.Upstream{Name: u.Name, Priority: u.Priority, Weight: u.Weight, Cards: w.cards[i],
			Dialects: u.Dialects, Relay: relays, Unlisted: u.Unlisted})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if snap = w.views[string(mask)]; snap == nil {
		var err error
		snap, err = route.NewSnapshot(route.Config{Upstreams: visible, Aliases: w.names.Aliases, Fallbacks: w.names.Fallbacks,
			Default: w.names.Default, Geographies: w.names.Geographies, Complete: w.complete})
		if err != nil {
			return nil, err
		}
		w.views[string(mask)] = snap
	}
	w.masks[who] = string(mask)
	return snap, nil
}

// askTimeout bounds one upstream's listing.
const askTimeout = 5 * time.Second

// list asks every upstream for its models, side by side. An upstream that
// fails keeps what one of its name listed before.
func list(ctx context.Context, upstreams []Upstream, before map[string][]model.Card, log *slog.Logger) [][]model.Card {
	listed := make([][]model.Card, len(upstreams))
	var wg sync.WaitGroup
	for i := range upstreams {
		wg.Go(func() {
			u := &upstreams[i]
			if listed[i] = u.Cards; u.Cards == nil {
				listed[i] = ask(ctx, u, before[u.Name], log)
			}
		})
	}
	wg.Wait()
	return listed
}

// ask returns what an upstream lists, or what it did before where it does not
// now. It is asked in a goroutine of its own, in which a breakdown would end the
// process: it counts as a listing that failed.
func ask(ctx context.Context, u *Upstream, before []model.Card, log *slog.Logger) (cards []model.Card) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("the listing of an upstream's models broke down", "upstream", u.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			cards = before
		}
	}()
	lister, ok := model.As[model.Lister](u.Provider)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := lister.Models(ctx)
	if err != nil {
		log.Warn("an upstream does not list its models", "upstream", u.Name, "err", err)
		return before
	}
	return found
}
