package route

import (
	"fmt"
	"maps"
	"slices"

	"github.com/craton-ai/craton/internal/model"
)

// alias enters the operator's aliases. They are resolved depth first, so that
// an alias may point at another; a circle is refused.
func (s *Snapshot) alias(aliases map[string][]Target) error {
	r := aliasing{snapshot: s, aliases: aliases, state: map[string]int{}, made: map[string]*entry{}}
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if err := r.resolve(name); err != nil {
			return err
		}
	}
	maps.Copy(s.names, r.made)
	return nil
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

func (r *aliasing) resolve(name string) error {
	r.state[name] = 1
	e := &entry{rank: rankAlias}
	if len(r.aliases[name]) == 0 {
		return model.Errorf(model.Invalid, "aliases."+name, "The alias %q names no model.", name)
	}
	for _, t := range r.aliases[name] {
		pool, err := r.pool(name, t)
		if err != nil {
			return err
		}
		e.pool = append(e.pool, pool...)
	}
	if len(e.pool) == 0 {
		// What it points at may be an upstream that this snapshot's tenants must
		// not know of: only the operator's log names it.
		e.fault = model.Errorf(model.ModelNotFound, "model",
			"The alias %q means no model at the moment: no upstream lists what it points at, or several do.", name).
			WithHint("Ask the operator to point it at \"upstream/model\", or choose another model.")
		e.fault.Err = fmt.Errorf("it points at %q", r.aliases[name][0].Model)
	}
	r.made[name] = e
	r.state[name] = 2
	return nil
}

func (r *aliasing) pool(name string, t Target) ([]target, error) {
	var found []target
	_, isAlias := r.aliases[t.Model]
	switch {
	case !isAlias || t.Model == name:
		found = r.snapshot.members(t.Model)
	case r.state[t.Model] == 1:
		return nil, model.Errorf(model.Invalid, "aliases."+name, "The alias %q runs in a circle through %q.", name, t.Model)
	default:
		if r.state[t.Model] == 0 {
			if err := r.resolve(t.Model); err != nil {
				return nil, err
			}
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
	return pool, nil
}
