package modeltest

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// Profile describes a subject of the suite.
type Profile struct {
	// New returns the subject; it is called once per check and may register cleanups.
	New func(t testing.TB) model.Provider
	// Model is the chat model to ask, in the subject's own naming.
	Model string
	// EmbedModel is the embedding model; empty when there is none.
	EmbedModel string
	// Capabilities are those of the model through this subject: what its card
	// lists and its dialect can express. Checks of others are not run, except
	// that images must be refused where CanSeeImages is missing.
	Capabilities []model.Capability
	// Scripted says that the answers come from the script model's default
	// rules, so that meaning is asserted; of other models only form is, because
	// a small model may be wrong and still be well served.
	Scripted bool
	// Prompts provoke what cannot be asked of every model in the same words;
	// the zero value holds the script model's.
	Prompts Prompts
	// Omit maps names of checks to the reason they do not apply. An unknown name fails.
	Omit map[string]string
	// InFlight tells how many calls the upstream is busy with; nil when it
	// cannot be known. It must return to zero after a stream is released.
	InFlight func() int
}

// Prompts are texts that provoke something. An empty text of a Profile that is
// not Scripted leaves the check out.
type Prompts struct {
	// Long provokes an answer that takes at least a second to stream.
	Long string
	// Fail provokes a rate limit before the first byte, FailLate a server error after it.
	Fail, FailLate string
}

// scriptedPrompts holds the prompts the script model's default rules react to.
var scriptedPrompts = Prompts{Long: "slow 2000", Fail: "fail 429", FailLate: "fail 500 after 3"}

func (p *Profile) can(c model.Capability) bool {
	for _, have := range p.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

// check is one promise, tested.
type check struct {
	name string
	// needs lists capabilities without which the check does not apply.
	needs []model.Capability
	run   func(t testing.TB, s *subject)
}

// subject is what a check works with.
type subject struct {
	*Profile
	p model.Provider
	// check is the name of the check at work.
	check string
}

// checks lists the suite.
func checks() []check {
	var all []check
	for _, group := range [][]check{
		textChecks(), toolChecks(), formChecks(), mediaChecks(), limitChecks(),
		reasoningChecks(), failureChecks(), releaseChecks(), sharingChecks(), optionalChecks(),
	} {
		all = append(all, group...)
	}
	return all
}

// Run runs the suite over p's subject as parallel subtests.
func Run(t *testing.T, p Profile) {
	if p.Scripted && p.Prompts == (Prompts{}) {
		p.Prompts = scriptedPrompts
	}
	known := map[string]bool{}
	for _, c := range checks() {
		known[c.name] = true
		if !p.applies(c) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, &subject{Profile: &p, p: p.New(t), check: c.name})
		})
	}
	for name := range p.Omit {
		if !known[name] {
			t.Errorf("Omit names %q, which is not a check", name)
		}
	}
}

func (p *Profile) applies(c check) bool {
	if _, omitted := p.Omit[c.name]; omitted {
		return false
	}
	for _, need := range c.needs {
		if !p.can(need) {
			return false
		}
	}
	return true
}
