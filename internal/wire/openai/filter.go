package openai

import (
	"bytes"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/wire/sse"
)

// UsageFilter takes the chunk that only tells usage out of a stream, for a
// client that did not ask for it, and passes every other byte as it is. It
// holds an event back until its end has come, which upstreams send with it,
// and lets one beyond 64 KiB pass: the chunk looked for is some hundred bytes.
// The zero value is ready. It is not safe for concurrent use.
type UsageFilter struct {
	held    []byte // the event under way, as far as it did not pass
	lineLen int    // length of the line under way
	passing bool   // the event under way is too big to hold
	afterCR bool   // an LF that comes next belongs to the line end before
	went    route  // where the last line end went, for that LF
}

type route uint8

const (
	routeOut route = iota
	routeHeld
	routeDropped
)

// holdLimit is the most of an event that is held back.
const holdLimit = 64 << 10

// Append appends to dst what may pass now that p has come.
func (f *UsageFilter) Append(dst, p []byte) []byte {
	for len(p) > 0 {
		if f.afterCR && p[0] == '\n' {
			dst = f.lineFeed(dst)
			p = p[1:]
			continue
		}
		f.afterCR = false
		end := lineEnd(p)
		if end < 0 {
			f.held = append(f.held, p...)
			f.lineLen += len(p)
			return f.overflow(dst)
		}
		f.held = append(f.held, p[:end+1]...)
		f.lineLen += end
		f.afterCR = p[end] == '\r'
		p = p[end+1:]
		dst = f.overflow(f.endLine(dst))
	}
	return dst
}

// Flush appends what is held when the stream ended within an event.
func (f *UsageFilter) Flush(dst []byte) []byte {
	dst = append(dst, f.held...)
	f.held = nil
	return dst
}

// Break drops what is held of a stream that broke off, so that an event can
// follow; where a part of the last event has passed, it ends that one.
func (f *UsageFilter) Break(dst []byte) []byte {
	f.held = nil
	if f.passing {
		dst = append(dst, "\n\n"...)
	}
	return dst
}

// lineFeed sends the second half of a CRLF after the first.
func (f *UsageFilter) lineFeed(dst []byte) []byte {
	f.afterCR = false
	switch f.went {
	case routeOut:
		return append(dst, '\n')
	case routeHeld:
		f.held = append(f.held, '\n')
	}
	return dst
}

func (f *UsageFilter) endLine(dst []byte) []byte {
	empty := f.lineLen == 0
	f.lineLen = 0
	switch {
	case empty && !f.passing && usageOnly(f.held):
		f.went = routeDropped
	case empty, f.passing, f.held[0] == ':': // a comment need not wait
		f.went = routeOut
		dst = append(dst, f.held...)
	default:
		f.went = routeHeld
		return dst
	}
	f.held = f.held[:0]
	f.passing = f.passing && !empty
	return dst
}

func (f *UsageFilter) overflow(dst []byte) []byte {
	if f.passing || len(f.held) > holdLimit {
		f.passing = true
		dst = append(dst, f.held...)
		f.held = f.held[:0]
	}
	return dst
}

// lineEnd finds the first CR or LF.
func lineEnd(p []byte) int {
	lf := bytes.IndexByte(p, '\n')
	if lf >= 0 {
		p = p[:lf]
	}
	if cr := bytes.IndexByte(p, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// usageOnly reports whether an event is a chunk with usage and no choices.
func usageOnly(event []byte) bool {
	if !hasEmptyArray(event) || !bytes.Contains(event, nameUsage) {
		return false
	}
	var parser sse.Parser
	_, ev, ok, err := parser.Next(event)
	if err != nil || !ok || !gjson.ValidBytes(ev.Data) {
		return false
	}
	choices := gjson.GetBytes(ev.Data, "choices")
	return choices.IsArray() && !choices.Get("0").Exists() && gjson.GetBytes(ev.Data, "usage").IsObject()
}

// hasEmptyArray looks for what every chunk without choices holds and hardly
// any other does: brackets are rare in chunks, which makes it quick.
func hasEmptyArray(event []byte) bool {
	for {
		i := bytes.IndexByte(event, '[')
		if i < 0 {
			return false
		}
		event = bytes.TrimLeft(event[i+1:], " \t")
		if len(event) > 0 && event[0] == ']' {
			return true
		}
	}
}
