package route

import (
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// maxCandidates bounds the alternatives an error lists.
const maxCandidates = 8

// capabilityWords says in words what a client asked for.
var capabilityWords = map[model.Capability]string{
	model.CanChat:       "chat",
	model.CanTools:      "call tools",
	model.CanSeeImages:  "read images",
	model.CanHearAudio:  "hear audio",
	model.CanSpeak:      "speak",
	model.CanWatchVideo: "watch video",
	model.CanEmbed:      "make embeddings",
}

func ambiguous(name string, meanings []string) *model.Error {
	e := model.Errorf(model.Invalid, "model", "The model name %q is ambiguous: %d upstreams list it.", name, len(meanings)).
		WithHint("Name the upstream as well: " + strings.Join(first(meanings), ", ") + ".")
	e.Candidates = slices.Clone(meanings)
	e.Code = "model_ambiguous"
	return e
}

func (s *Snapshot) lacking(name string, missing Needs) *model.Error {
	var words []string
	for _, c := range missing.List() {
		words = append(words, capabilityWords[c])
	}
	e := model.Errorf(model.Unsupported, "model", "The model %q cannot %s.", name, strings.Join(words, " or "))
	e.Candidates = s.capable(missing)
	e.Hint = "Leave that out of the request; no configured model is known to do it."
	if len(e.Candidates) > 0 {
		e.Hint = "Leave that out of the request or use one of: " + strings.Join(e.Candidates, ", ") + "."
	}
	return e
}

// capable lists qualified names of models known to do it, in order of name.
func (s *Snapshot) capable(needs Needs) []string {
	var names []string
	for name, e := range s.names {
		if e.rank == rankQualified && e.pool[0].has != unknown && e.pool[0].has&needs == needs {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Clone(first(names))
}

func first(list []string) []string { return list[:min(len(list), maxCandidates)] }

func (s *Snapshot) notFound(name string) *model.Error {
	e := model.Errorf(model.ModelNotFound, "model", "The model %q does not exist, or no upstream lists it.", shown(name))
	e.Candidates = s.near(name)
	e.Hint = "List the models to see which exist."
	if len(e.Candidates) > 0 {
		e.Hint = "Did you mean " + strings.Join(e.Candidates, " or ") + "?"
	}
	return e
}

// shown keeps an absurdly long name from filling the answer.
func shown(name string) string {
	if len(name) > 200 {
		return name[:200] + "…"
	}
	return name
}

// nearAmong is among how many names near looks: anybody may ask for a name that
// does not exist, again and again.
const nearAmong = 1000

// near lists up to three names within a third of name's length by edit
// distance, or that hold it as a part, closest first.
func (s *Snapshot) near(name string) []string {
	const most, longest = 3, 100
	if len(name) > longest {
		return nil
	}
	type miss struct {
		name     string
		distance int
	}
	var misses []miss
	low, far := strings.ToLower(name), max(2, len(name)/3)
	for _, have := range s.ordered {
		if len(have) > longest {
			continue
		}
		if strings.Contains(have, "/") && !strings.Contains(name, "/") {
			continue // the bare name says it shorter
		}
		also := strings.ToLower(have)
		d := far + 1
		if len(low) >= 3 && strings.Contains(also, low) {
			d = 2
		}
		if apart := len(low) - len(also); max(apart, -apart) <= far { // else it cannot be near
			d = min(d, distance(low, also))
		}
		if d <= far {
			misses = append(misses, miss{have, d})
		}
	}
	slices.SortFunc(misses, func(a, b miss) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, m := range misses[:min(most, len(misses))] {
		names = append(names, m.name)
	}
	return names
}

// distance is Levenshtein's, by bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
