package agent

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// maxName is the longest tool name that every vendor takes.
const maxName = 64

// Offer is one tool as the model is offered it.
type Offer struct {
	// Name is what the model calls it by.
	Name     string
	Kind     CallKind
	Function *Function
	// Server and Spec are set for a server's tool.
	Server *Server
	Spec   *tool.Spec
	// Tool is what the model is told.
	Tool model.Tool
	// Deferred tools are told once the model found them.
	Deferred bool
}

// Offers lists what the agent's turn under way may use, in the definition's
// order. The caller does not change them.
func (s *State) Offers(t *Thread) []Offer {
	if t.Turn == nil {
		return nil
	}
	return s.memo.remembered(t.Turn, func() []Offer { return s.offers(t) })
}

func (s *State) offers(t *Thread) []Offer {
	var offers []Offer
	d := &t.Turn.Definition
	for i := range d.Tools {
		switch entry := &d.Tools[i]; entry.Kind {
		case ToolFunction:
			offers = append(offers, functionOffer(entry.Function))
		case ToolServer:
			offers = append(offers, s.serverOffers(entry.Server)...)
		case ToolSearch:
			offers = append(offers, Offer{Name: searchTool.Name, Kind: CallSearch, Tool: searchTool})
		case ToolProgram:
			offers = append(offers, Offer{Name: programTool.Name, Kind: CallProgram, Tool: programTool})
		case ToolOpaque:
			offers = append(offers, Offer{Tool: model.Tool{Opaque: &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: entry.Raw}}})
		}
	}
	if d.MultiAgent.Enabled && t.ID == "" {
		for _, one := range subagentTools {
			offers = append(offers, Offer{Name: one.Name, Kind: CallSubagent, Tool: one})
		}
	}
	return offers
}

func functionOffer(f *Function) Offer {
	return Offer{Name: f.Name, Kind: CallFunction, Function: f, Deferred: f.Deferred, Tool: model.Tool{
		Name: f.Name, Description: f.Description, Schema: f.Parameters, Strict: f.Strict, Custom: f.Custom, Format: f.Grammar,
	}}
}

// serverOffers are a server's tools that the definition allows.
func (s *State) serverOffers(server *Server) []Offer {
	listing := s.Listing(server.Label)
	if listing == nil || listing.Digest != s.memo.digest(server) {
		return nil
	}
	var offers []Offer
	for i := range listing.Tools {
		spec := &listing.Tools[i]
		if server.Allowed != nil && !slices.Contains(server.Allowed, spec.Name) || server.ReadOnly && spec.Class != tool.Read {
			continue
		}
		name := exposed(server.Label, spec.Name)
		offers = append(offers, Offer{Name: name, Kind: CallServer, Server: server, Spec: spec, Deferred: server.Deferred,
			Tool: model.Tool{Name: name, Description: spec.Description, Schema: spec.Parameters}})
	}
	return offers
}

// Exposed is the name under which the model sees a tool of the server with
// this label.
func Exposed(label, name string) string { return exposed(label, name) }

// Asks reports whether a call of the tool waits for a yes by the rules that it
// was listed under.
func (o *Offer) Asks() bool { return o.Kind == CallServer && needsApproval(o) }

// exposed is the name under which the model sees a server's tool. Names that
// vendors would refuse are shortened to one that stays unique.
func exposed(label, name string) string {
	full := label + "__" + name
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			return r
		}
		return '_'
	}, full)
	if plain == full && len(full) <= maxName {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	mark := "_" + hex.EncodeToString(sum[:4])
	return plain[:min(len(plain), maxName-len(mark))] + mark
}

// digest names what a listing depends on.
func (s *Server) digest() string {
	return digest(s.Server)
}

func digest(v any) string {
	raw, err := json.Marshal(v, codec)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// find returns the offer of a name, or nil.
func (s *State) find(t *Thread, name string) *Offer {
	offers := s.Offers(t)
	for i := range offers {
		if offers[i].Name == name && name != "" {
			return &offers[i]
		}
	}
	return nil
}

// call resolves what the model asked for.
func (s *State) call(t *Thread, asked *model.ToolCall, base Call) *Call {
	c := &base
	c.ID, c.Name, c.Arguments, c.Custom = asked.ID, asked.Name, asked.Arguments, asked.Custom
	c.State, c.Kind = CallReady, CallUnresolved
	offer := s.find(t, asked.Name)
	if offer == nil {
		return c
	}
	c.Kind = offer.Kind
	switch offer.Kind {
	case CallFunction:
		c.State, c.Async, c.Turn = CallOpen, offer.Function.Async, t.Turn.ID
	case CallServer:
		c.Server, c.Tool = offer.Server.Label, offer.Spec.Name
	}
	return c
}

// offerOf finds what carries a server call out, as it is offered now.
func (s *State) offerOf(t *Thread, call *Call) *Offer {
	offers := s.Offers(t)
	for i := range offers {
		if offers[i].Kind == CallServer && offers[i].Server.Label == call.Server && offers[i].Spec.Name == call.Tool {
			return &offers[i]
		}
	}
	return nil
}

// class says what may be done with a call whose outcome is unknown.
func (s *State) class(t *Thread, call *Call) tool.Class {
	if call.Kind == CallProgram {
		return tool.Read // its own calls are recorded one by one
	}
	if offer := s.offerOf(t, call); offer != nil {
		return s.now(offer).Class
	}
	return tool.Unsafe
}

// PolicyVersion is part of every approval: a yes under other rules is none.
const PolicyVersion = 2

// binding is what a yes covers: this call of this tool, as it is now.
func (s *State) binding(offer *Offer, call *Call) string {
	return digest(struct {
		Tool        tool.Spec
		URL         string
		Credential  string
		Vaults      []string
		Arguments   string
		Environment string
		Principal   Principal
		Policy      int
	}{*offer.Spec, offer.Server.URL, lasting(offer.Server.Credential), offer.Server.Vaults, canonical(call.Arguments),
		s.Settings.EnvironmentID, s.Settings.Principal, PolicyVersion})
}

// lasting is a credential that has a name of its own. One that was given inline
// is another with each request, whoever gives it.
func lasting(credential string) string {
	if strings.Contains(credential, ".") {
		return ""
	}
	return credential
}

// canonical writes arguments that mean the same in the same way.
func canonical(arguments string) string {
	v := jsontext.Value(arguments)
	if v.Canonicalize() != nil {
		return arguments
	}
	return string(v)
}

// needsApproval applies the operator's rule and the definition's to one call. A
// tool's own word counts only where one of the two takes it.
func needsApproval(offer *Offer) bool {
	spec, rule := offer.Spec, &offer.Server.Approval
	unsafe := spec.Class == tool.Unsafe || spec.Class == ""
	switch {
	case spec.Approval == tool.ApproveAlways, slices.Contains(rule.Always, spec.Name):
		return true
	case rule.spares(spec), rule.Mode == "never":
		return false
	case rule.Mode == "always":
		return true
	case spec.Approval == tool.ApproveNever:
		return false
	case spec.Approval == tool.ApproveUnsafe, own(offer.Server.URL):
		return unsafe
	}
	return true
}

// Rules tells the operator's word on a tool of a server as it is now: its class
// and which of its calls wait for a person, each empty for none. It does no I/O.
type Rules func(server tool.Server, name string) (tool.Class, tool.Approval)

// now is an offer's tool under the operator's rules as they are now: no safer
// than it was listed.
func (s *State) now(offer *Offer) tool.Spec {
	spec := *offer.Spec
	spec.Class = cmp.Or(spec.Class, tool.Unsafe)
	if s.Rules == nil {
		return spec
	}
	var class tool.Class
	class, spec.Approval = s.Rules(offer.Server.Server, spec.Name)
	if risk(class) > risk(spec.Class) {
		spec.Class = class
	}
	return spec
}

// risk orders the classes, the safest first; no word is less than any.
func risk(c tool.Class) int {
	return slices.Index([]tool.Class{tool.Read, tool.Idempotent, tool.Keyed, tool.Unsafe}, c)
}

// asks reports whether a call waits for a yes by the rules that its tool was
// listed under, or by those of now: while a turn lasts they only tighten, and
// what is tightened holds for the next call.
func (s *State) asks(offer *Offer) bool {
	now := *offer
	spec := s.now(offer)
	now.Spec = &spec
	return needsApproval(offer) || needsApproval(&now)
}

// spares reports whether the rule names the tool among those that never wait.
func (a *Approval) spares(spec *tool.Spec) bool {
	if a.NeverReads {
		return spec.Class == tool.Read && (len(a.Never) == 0 || slices.Contains(a.Never, spec.Name))
	}
	return slices.Contains(a.Never, spec.Name)
}

// own reports whether an address is that of this server's own tools.
func own(url string) bool { return url == tool.Own || strings.HasPrefix(url, tool.Own+"/") }

// Carrier is what carries out a server call: its class, its server and what is
// sent along. The server is nil if the tool is not offered any more.
func (s *State) Carrier(t *Thread, call *Call) (tool.Class, *tool.Server, jsontext.Value) {
	offer := s.offerOf(t, call)
	if offer == nil {
		return tool.Unsafe, nil, nil
	}
	return s.class(t, call), &offer.Server.Server, offer.Server.Meta
}

// Nested is the n-th call that a program made, or nil.
func (s *State) Nested(parent string, n int) *Call {
	for _, t := range s.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.Parent == parent && call.N == n {
				return call
			}
		}
	}
	return nil
}
