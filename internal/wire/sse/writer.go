package sse

import (
	"bytes"
	"strconv"
	"time"
)

// AppendData appends an event of the default name. Data that holds line ends
// becomes one data line for each, so that a reader gets it back with LF for
// every CR, LF or CRLF.
func AppendData(dst, data []byte) []byte { return AppendEvent(dst, "", "", data) }

// AppendEvent appends an event. An empty name or id writes no such field; a
// line end in either would start another field and is left out.
func AppendEvent(dst []byte, name, id string, data []byte) []byte {
	if name != "" {
		dst = appendOneLine(append(dst, "event: "...), name)
	}
	if id != "" {
		dst = appendOneLine(append(dst, "id: "...), id)
	}
	for {
		end := lineEnd(data)
		line := data
		if end >= 0 {
			line = data[:end]
		}
		dst = append(dst, "data: "...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
		if end < 0 {
			break
		}
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			end++
		}
		data = data[end+1:]
	}
	return append(dst, '\n')
}

// AppendComment appends a comment, which readers ignore: it keeps a quiet
// connection alive. It ends in an empty line, since some clients look at
// whole blocks only.
func AppendComment(dst []byte, text string) []byte {
	return append(appendOneLine(append(dst, ": "...), text), '\n')
}

// AppendRetry appends a reconnection time, in whole milliseconds.
func AppendRetry(dst []byte, d time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(d.Milliseconds(), 0), 10)
	return append(dst, "\n\n"...)
}

func appendOneLine(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '\r' && c != '\n' && c != 0 {
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}
