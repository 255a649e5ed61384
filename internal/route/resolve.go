package route

import (
	"slices"
	"strings"
	"unicode"

	"github.com/craton-ai/craton/internal/model"
)

// Conditions are what changes from moment to moment.
type Conditions struct {
	// Open reports whether an upstream's circuit breaker refuses calls; nil means none does.
	Open func(upstream string) bool
	// Random returns a number in [0,n); nil takes the heaviest first.
	Random func(n int) int
}

// Route answers the candidates for a request, best first, at least one; or a
// *model.Error that says what is wrong with the name or the needs. The answer
// is shared: it must not be modified.
func (s *Snapshot) Route(f Facts, c Conditions) ([]Candidate, error) {
	name := f.Model
	if name == "" {
		name = s.defaultName
	}
	e, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if len(e.clash) > 0 {
		return nil, ambiguous(name, e.clash)
	}
	if e.fault != nil && len(e.chain) == 0 {
		return nil, e.fault
	}
	if e.plain != nil {
		if missing := f.Needs & decisive &^ e.pool[0].has; missing != 0 {
			return nil, s.lacking(name, missing)
		}
		return e.plain, nil
	}
	return s.order(name, e, f, c)
}

// find looks a name up: as it is, as an ARN, as an inference profile, as a
// model an Unlisted upstream is asked for by its qualified name.
func (s *Snapshot) find(name string) (*entry, *model.Error) {
	if e := s.names[name]; e != nil {
		return e, nil
	}
	if name == "" {
		return nil, model.Errorf(model.ModelNotFound, "model", "No model is configured.").
			WithHint("Configure an upstream, or pull a model with \"craton models pull\".")
	}
	bare := withoutARN(name)
	if e := s.names[bare]; e != nil {
		return e, nil
	}
	if e := s.findProfile(bare); e != nil {
		return e, nil
	}
	if short := withoutContextSuffix(bare); short != bare {
		if e, err := s.find(short); err == nil {
			return e, nil
		}
	}
	if e := s.findUnlisted(name); e != nil {
		return e, nil
	}
	return nil, s.notFound(name)
}

// withoutARN returns the model or profile id of a Bedrock ARN:
// arn:P:bedrock:R::foundation-model/ID or arn:P:bedrock:R:A:inference-profile/ID.
// Other ARNs name models only as aliases and stay as they are.
func withoutARN(name string) string {
	if !strings.HasPrefix(name, "arn:") {
		return name
	}
	fields := strings.SplitN(name, ":", 6)
	if len(fields) != 6 || fields[2] != "bedrock" {
		return name
	}
	for _, kind := range [...]string{"foundation-model/", "inference-profile/"} {
		if id, ok := strings.CutPrefix(fields[5], kind); ok && id != "" {
			return id
		}
	}
	return name
}

// withoutContextSuffix drops a Bedrock context-length suffix such as ":28k".
func withoutContextSuffix(name string) string {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || !strings.HasSuffix(name, "k") || i+2 >= len(name) {
		return name
	}
	for _, c := range name[i+1 : len(name)-1] {
		if c < '0' || c > '9' {
			return name
		}
	}
	return name[:i]
}

// profile splits an inference profile's id into geography and model.
func (s *Snapshot) profile(id string) (geography, base string, ok bool) {
	prefix, base, found := strings.Cut(id, ".")
	if !found || !strings.Contains(base, ".") || !slices.Contains(s.geographies, prefix) {
		return "", "", false
	}
	return prefix, base, true
}

// findProfile resolves "us.vendor.model" where only "vendor.model" is listed.
// An upstream that speaks Bedrock gets the profile's id, as it must choose the
// region; any other gets its own name of the model.
func (s *Snapshot) findProfile(name string) *entry {
	geography, base, ok := s.profile(name)
	if !ok {
		return nil
	}
	e := s.names[base]
	if e == nil {
		return nil
	}
	made := &entry{rank: e.rank, fault: e.fault, clash: e.clash, chain: e.chain, pool: slices.Clone(e.pool)}
	for i := range made.pool {
		t := &made.pool[i]
		native := slices.Contains(t.Dialects, model.DialectConverse) || slices.Contains(t.Dialects, model.DialectInvoke)
		if !native || t.Model != base {
			t.Reasons = []string{"serves the model of the inference profile; its geography is not bound"}
			continue
		}
		t.Model = geography + "." + base
		card := *t.Card
		card.ID = t.Model
		card = s.complete(card)
		t.Card = &card
		t.Reasons = []string{"serves the model of the inference profile"}
	}
	if len(made.pool) == 1 && len(made.chain) == 0 {
		made.plain = []Candidate{made.pool[0].Candidate}
	}
	return made
}

// findUnlisted resolves "upstream/anything" for an upstream that does not list all it serves.
func (s *Snapshot) findUnlisted(name string) *entry {
	upstream, id, ok := strings.Cut(name, "/")
	u := s.upstreams[upstream]
	if !ok || u == nil || !u.Unlisted || !speakable(id) {
		return nil
	}
	card := s.complete(model.Card{ID: id, Upstream: upstream})
	t := newTarget(u, &card)
	t.Reasons = []string{"named with its upstream, which need not list it"}
	e := &entry{rank: rankQualified, pool: []target{t}}
	e.chain = s.unlistedChain(name)
	e.settle()
	return e
}

// speakable reports whether an id that nobody listed may be sent to an upstream:
// some put it into the path, where a dot segment would lead to another operation.
func speakable(id string) bool {
	return id != "" && id != "." && id != ".." && !strings.ContainsFunc(id, unicode.IsControl)
}

// unlistedChain is the chain of a name that is not in the table: its own or the general one.
func (s *Snapshot) unlistedChain(name string) []target {
	if s.fallbacks == nil {
		return nil
	}
	list, ok := s.fallbacks[name]
	if !ok {
		list = s.fallbacks["*"]
	}
	var chain []target
	for _, next := range list {
		if e := s.names[next]; e != nil && len(e.clash) == 0 {
			chain = append(chain, e.pool...)
		}
	}
	return chain
}
