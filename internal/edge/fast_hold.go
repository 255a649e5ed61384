package edge

import "bytes"

// holdLimit is the most of an event that is held back.
const holdLimit = 64 << 10

// eventHold passes a stream of server-sent events on, every byte of it, but
// holds an event back until its end has come, which upstreams send with it: a
// stream that breaks off within an event can then still end with one that says
// so. An event beyond holdLimit passes as it comes. The zero value is ready.
type eventHold struct {
	held []byte // the event under way
	torn bool   // a part of it has passed
}

// Append appends to dst what may pass now that p has come.
func (h *eventHold) Append(dst, p []byte) []byte {
	if end := eventsEnd(p); end > 0 { // most often all of it
		dst = append(append(dst, h.held...), p[:end]...)
		h.held, h.torn = append(h.held[:0], p[end:]...), false
	} else {
		seen := max(len(h.held)-2, 0) // where an end may begin that p completes
		h.held = append(h.held, p...)
		if end := eventsEnd(h.held[seen:]); end > 0 {
			dst, h.torn = h.pass(dst, seen+end), false
		}
	}
	for !h.torn && len(h.held) > 0 && h.held[0] == ':' { // a comment need not wait
		end := bytes.IndexByte(h.held, '\n')
		if end < 0 {
			break
		}
		dst = h.pass(dst, end+1)
	}
	if h.torn || len(h.held) > holdLimit {
		h.torn = h.torn || len(h.held) > 0
		dst = h.pass(dst, len(h.held))
	}
	return dst
}

// Flush appends what is held of a stream that ended.
func (h *eventHold) Flush(dst []byte) []byte { return h.pass(dst, len(h.held)) }

// Break drops what is held of a stream that broke off, so that an event can
// follow; where a part of the last event has passed, it ends that one.
func (h *eventHold) Break(dst []byte) []byte {
	h.held = h.held[:0]
	if h.torn {
		dst = append(dst, "\n\n"...)
	}
	return dst
}

func (h *eventHold) pass(dst []byte, n int) []byte {
	dst = append(dst, h.held[:n]...)
	h.held = h.held[:copy(h.held, h.held[n:])]
	return dst
}

// eventsEnd is the index behind the last end of an event, 0 where there is none.
func eventsEnd(b []byte) int {
	for i := len(b) - 1; i > 0; i-- {
		if endsEvent(b, i) {
			return i + 1
		}
	}
	return 0
}

// endsEvent reports whether an empty line ends at i.
func endsEvent(b []byte, i int) bool {
	if i < 1 {
		return false
	}
	switch {
	case b[i] == '\n' && b[i-1] == '\n', b[i] == '\r' && b[i-1] == '\r':
		return true
	}
	return i > 1 && b[i] == '\n' && b[i-1] == '\r' && b[i-2] == '\n'
}
