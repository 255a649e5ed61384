package modeltest

import (
	"fmt"

	"github.com/craton-ai/craton/internal/model"
)

// CheckOrder reports the first way in which events, a whole answer, break the
// order that model.Event promises; nil when they keep it. Pings and opaque
// events may stand anywhere after the start.
func CheckOrder(events []model.Event) error {
	g := grammar{open: map[[2]int]model.Part{}, last: map[int]int{}, stopped: map[int]bool{}}
	for i, ev := range events {
		if err := g.step(ev); err != nil {
			return fmt.Errorf("event %d of %d (kind %d, choice %d, part %d): %w",
				i, len(events), ev.Kind, ev.Choice, ev.Index, err)
		}
	}
	switch {
	case !g.started:
		return fmt.Errorf("the answer has no start event")
	case len(g.open) > 0:
		return fmt.Errorf("%d parts were never closed", len(g.open))
	case len(g.stopped) == 0:
		return fmt.Errorf("no choice was ended")
	case !g.usage:
		return fmt.Errorf("no usage follows the last stop")
	}
	for choice := range g.last {
		if !g.stopped[choice] {
			return fmt.Errorf("choice %d was never ended", choice)
		}
	}
	return nil
}

type grammar struct {
	started, usage bool
	open           map[[2]int]model.Part
	last           map[int]int // choice to the index of its latest part
	stopped        map[int]bool
}

func (g *grammar) step(ev model.Event) error {
	if ev.Kind != model.EventStart && !g.started {
		return fmt.Errorf("it comes before the start")
	}
	key := [2]int{ev.Choice, ev.Index}
	switch ev.Kind {
	case model.EventStart:
		if g.started {
			return fmt.Errorf("the answer starts a second time")
		}
		g.started = true
	case model.EventPartStart:
		return g.openPart(key, ev)
	case model.EventDelta:
		if g.open[key] == nil {
			return fmt.Errorf("it extends a part that is not open")
		}
		return fits(g.open[key], ev)
	case model.EventPartStop:
		if g.open[key] == nil {
			return fmt.Errorf("it closes a part that is not open")
		}
		delete(g.open, key)
	case model.EventStop:
		return g.stop(ev)
	case model.EventUsage:
		if ev.Usage == nil {
			return fmt.Errorf("it carries no usage")
		}
		g.usage = len(g.stopped) > 0
	case model.EventPing, model.EventOpaque:
	default:
		return fmt.Errorf("its kind is unknown")
	}
	return nil
}

func (g *grammar) openPart(key [2]int, ev model.Event) error {
	last, some := g.last[ev.Choice]
	switch {
	case ev.Part == nil:
		return fmt.Errorf("it opens a part without content")
	case ev.Index < 0 || some && ev.Index <= last:
		return fmt.Errorf("it opens a part whose index does not follow %d", last)
	case g.stopped[ev.Choice]:
		return fmt.Errorf("it opens a part of a choice that has ended")
	}
	for other, p := range g.open {
		if other[0] == ev.Choice && !(isCall(p) && isCall(ev.Part)) {
			return fmt.Errorf("it opens a part while part %d is open; only tool calls may interleave", other[1])
		}
	}
	g.open[key], g.last[ev.Choice], g.usage = ev.Part, ev.Index, false
	return nil
}

func (g *grammar) stop(ev model.Event) error {
	if g.stopped[ev.Choice] {
		return fmt.Errorf("it ends a choice for the second time")
	}
	if ev.Stop == "" {
		return fmt.Errorf("it gives no reason for the stop")
	}
	for key := range g.open {
		if key[0] == ev.Choice {
			return fmt.Errorf("it ends a choice whose part %d is open", key[1])
		}
	}
	g.stopped[ev.Choice], g.usage = true, false
	return nil
}

func isCall(p model.Part) bool { _, ok := p.(*model.ToolCall); return ok }

// fits reports what a delta carries that its part cannot take.
func fits(p model.Part, ev model.Event) error {
	text, data, sig, cite := false, false, false, false
	switch p.(type) {
	case *model.Text:
		text, cite = true, true
	case *model.Refusal, *model.ToolCall:
		text = true
	case *model.Reasoning:
		text, data, sig = true, true, true
	case *model.Audio:
		text, data = true, true
	}
	if ev.Text != "" && !text || len(ev.Data) > 0 && !data || ev.Signature != "" && !sig || ev.Citation != nil && !cite {
		return fmt.Errorf("a %T cannot take what it carries", p)
	}
	return nil
}
