package route

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Needs is a set of capabilities.
type Needs uint32

// capabilities gives each capability its bit, by position. Append only within 32.
var capabilities = [...]model.Capability{
	model.CanChat, model.CanStream, model.CanTools, model.CanParallelTools, model.CanStrictTools,
	model.CanSchema, model.CanReason, model.CanSeeImages, model.CanHearAudio, model.CanSpeak,
	model.CanReadDocuments, model.CanWatchVideo, model.CanCache, model.CanLogprobs, model.CanSeed,
	model.CanEmbed, model.CanCount,
}

// decisive are the needs that a card must list, where it lists any: a model
// without them cannot answer at all. The others only order candidates. Some are
// hints (a seed, a cache point); a JSON Schema and a document are left to the
// encoder and the upstream, because cards often lack what an upstream can do
// all the same (Converse reads documents for text-only models), and a wrong
// refusal is worse than the upstream's own.
var decisive = Need(model.CanChat, model.CanTools, model.CanSeeImages,
	model.CanHearAudio, model.CanSpeak, model.CanWatchVideo, model.CanEmbed)

// Need makes a set. Capabilities unknown to this package are left out.
func Need(list ...model.Capability) Needs {
	var n Needs
	for _, c := range list {
		for bit, known := range capabilities {
			if c == known {
				n |= 1 << bit
			}
		}
	}
	return n
}

// List names the capabilities of the set.
func (n Needs) List() []model.Capability {
	var list []model.Capability
	for bit, c := range capabilities {
		if n&(1<<bit) != 0 {
			list = append(list, c)
		}
	}
	return list
}

// Facts are what routing knows about a request.
type Facts struct {
	// Model is the name as the client gave it; empty asks for the default.
	Model string
	// Dialect is the contract it came by.
	Dialect model.Dialect
	// Needs are what the model must be able to do; see NeedsOf. The fast lane
	// may leave it 0 where it has not parsed the body: the upstream then judges.
	Needs Needs
	// ServiceTier is the tier asked for; "" and "auto" ask for none. Upstreams
	// that list it are preferred.
	ServiceTier string
	// BodyNeededBy names what on the way must see the parsed request (a
	// guardrail, a cache); empty when nothing does.
	BodyNeededBy string
}

// NeedsOf derives what a request needs of a model.
func NeedsOf(req *model.Request) Needs {
	n := Need(model.CanChat)
	if len(req.Tools) > 0 {
		n |= Need(model.CanTools)
	}
	if req.ParallelTools != nil && *req.ParallelTools && len(req.Tools) > 0 {
		n |= Need(model.CanParallelTools)
	}
	if req.Format != nil && req.Format.Kind == model.FormatSchema {
		n |= Need(model.CanSchema)
	}
	if r := req.Reasoning; r != nil && r.Effort != "none" && r.Mode != "disabled" {
		n |= Need(model.CanReason)
	}
	if req.AudioOut != nil {
		n |= Need(model.CanSpeak)
	}
	if req.Logprobs {
		n |= Need(model.CanLogprobs)
	}
	if req.Seed != nil {
		n |= Need(model.CanSeed)
	}
	if req.Stream {
		n |= Need(model.CanStream)
	}
	for i := range req.Messages {
		n |= needsOfParts(req.Messages[i].Parts)
	}
	return n
}

func needsOfParts(parts []model.Part) Needs {
	var n Needs
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Image:
			n |= Need(model.CanSeeImages)
		case *model.Audio:
			if len(p.Source.Data) > 0 || p.Source.URL != "" {
				n |= Need(model.CanHearAudio)
			}
		case *model.Video:
			n |= Need(model.CanWatchVideo)
		case *model.Document:
			n |= needsOfDocument(p)
		case *model.ToolResult:
			n |= needsOfParts(p.Content)
		case *model.ToolChange:
			n |= Need(model.CanTools)
		case *model.CachePoint:
			n |= Need(model.CanCache)
		}
	}
	return n
}

// needsOfDocument leaves plain text out: every chat model can read it inline.
func needsOfDocument(d *model.Document) Needs {
	if len(d.Content) > 0 {
		return needsOfParts(d.Content)
	}
	if d.Source.Text != "" || strings.HasPrefix(d.Source.MIME, "text/") {
		return 0
	}
	return Need(model.CanReadDocuments)
}

// unknown is the set of a card that lists nothing.
const unknown = ^Needs(0)

// has is what a card can do, and whether its list is known at all: a card
// without capabilities (a bare server that tells only ids) is known to lack nothing.
func has(card *model.Card) Needs {
	if len(card.Capabilities) == 0 {
		return unknown
	}
	return Need(card.Capabilities...)
}
