package route

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/craton-ai/craton/internal/model"
)

// alias enters the operator's aliases. They are resolved depth first, so that
// an alias may point at another; one in a circle means nothing, and no other
// name suffers for it.
func (s *Snapshot) alias(aliases map[string][]Target) {
	r := aliasing{snapshot: s, aliases: aliases, state: map[string]int{}, made: map[string]*entry{}}
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if r.state[name] == 0 {
			r.resolve(name)
		}
	}
	maps.Copy(s.names, r.made)
}

type aliasing struct {
	snapshot *Snapshot
	aliases  map[string][]Target
	// state is 1 while a name is being resolved, 2 afterwards.
	state map[string]int
	// made is kept apart until the end: an alias may hide a card of its own
	// name and still point at it.
	made map[string]*entry
}

func (r *aliasing) resolve(name string) {
	r.state[name] = 1
	e := &entry{rank: rankAlias}
	for _, t := range r.aliases[name] {
		e.pool = append(e.pool, r.pool(name, t)...)
	}
	if len(e.pool) == 0 {
		// What it points at may be an upstream that this snapshot's tenants must
		// not know of: only the operator's log names it.
		e.fault = model.Errorf(model.ModelNotFound, "model",
			"The alias %q means no model at the moment: no upstream lists what it points at, several do, or it runs in a circle.", name).
			WithHint("Ask the operator to point it at \"upstream/model\", or choose another model.")
		for _, t := range r.aliases[name] {
			e.fault.Err = errors.Join(e.fault.Err, fmt.Errorf("it points at %q", t.Model))
		}
	}
	r.made[name] = e
	r.state[name] = 2
}

func (r *aliasing) pool(name string, t Target) []target {
	var found []target
	_, isAlias := r.aliases[t.Model]
	switch {
	case !isAlias || t.Model == name:
		found = r.snapshot.members(t.Model)
	case r.state[t.Model] == 1: // a circle
	default:
		if r.state[t.Model] == 0 {
			r.resolve(t.Model)
		}
		found = r.made[t.Model].pool
	}
	pool := slices.Clone(found)
	for i := range pool {
		pool[i].Reasons = rankReasons[rankAlias]
		pool[i].priority += t.Priority
		if t.Weight != 0 {
			pool[i].weight = t.Weight
		}
	}
	return pool
}
