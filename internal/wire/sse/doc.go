// Package sse reads and writes server-sent events as the WHATWG HTML standard
// defines them (section 9.2, "Server-sent events"). It is for the wire codecs
// whose streams travel as text/event-stream, and for whatever watches such a
// stream go by.
//
// It guarantees that the events read do not depend on how the bytes were split
// on the way, that lines may end in CR, LF or CRLF, that memory stays within
// [Limits] whatever the peer sends, and that reading an event allocates
// nothing once the buffers have grown to the stream's usual event.
//
//	events := sse.NewReader(body, sse.Limits{})
//	for {
//		ev, err := events.Next()
//		if errors.Is(err, io.EOF) {
//			break
//		}
//		if err != nil {
//			return err
//		}
//		handle(ev.Name, ev.Data)
//	}
package sse
