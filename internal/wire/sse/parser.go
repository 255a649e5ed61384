package sse

import (
	"bytes"
	"fmt"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// The limits used where Limits leaves a field zero. A line of 16 MiB holds a
// picture or some minutes of speech in base64.
const (
	DefaultMaxLine  = 16 << 20
	DefaultMaxEvent = 32 << 20
)

// Limits bounds what a peer can make a Parser keep, in bytes; 0 means the default.
type Limits struct {
	// MaxLine bounds one line without its end.
	MaxLine int
	// MaxEvent bounds the data of one event.
	MaxEvent int
}

// Event is one dispatched event. Data is only valid until the next call of
// the Parser or Reader that returned it.
type Event struct {
	// Name is the event field; empty for the standard's default, "message".
	Name string
	// ID is the last id seen on the stream, not only in this event.
	ID string
	// Data is the data field's lines, joined by LF.
	Data []byte
	// Retry is the reconnection time the event asked for; 0 when it did not.
	Retry time.Duration
}

// Parser is the push form of the reader: it is given the bytes as they come.
// The zero value is ready, with the default limits. It is not safe for
// concurrent use.
type Parser struct {
	limits  Limits
	partial []byte // a line whose end has not come yet
	data    []byte
	name    string
	lastID  string
	retry   time.Duration
	names   [8]string // names seen, so that a repeated one costs no string
	nextSet int
	hasData bool
	clear   bool // data was handed out and is dropped at the next call
	began   bool // the byte order mark, if any, is behind us
	afterCR bool // an LF that comes next belongs to the line end before
}

// NewParser returns a Parser with the given limits.
func NewParser(limits Limits) *Parser { return &Parser{limits: limits} }

// Next reads p up to the end of the first event in it and returns what is left
// of p. When ok is false all of p was consumed without completing an event:
// call again with the bytes that follow. An error is an *model.Error of kind
// UpstreamGarbage for a line or event beyond the limits, and ends the stream.
func (s *Parser) Next(p []byte) (rest []byte, ev Event, ok bool, err error) {
	s.release()
	for len(p) > 0 {
		if s.afterCR {
			s.afterCR = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		end := lineEnd(p)
		if end < 0 {
			return nil, Event{}, false, s.keep(p)
		}
		line := p[:end]
		s.afterCR = p[end] == '\r'
		p = p[end+1:]
		if len(s.partial) > 0 {
			if err := s.keep(line); err != nil {
				return p, Event{}, false, err
			}
			line, s.partial = s.partial, s.partial[:0]
		}
		if dispatched, err := s.line(line); err != nil {
			return p, Event{}, false, err
		} else if dispatched {
			return p, s.event(), true, nil
		}
	}
	return nil, Event{}, false, nil
}

// Flush returns the event the stream broke off in, if it had data. The
// standard discards it; a lenient reader may take it, since some servers omit
// the last empty line. The Parser must not be used afterwards.
func (s *Parser) Flush() (Event, bool) {
	s.release()
	if len(s.partial) > 0 {
		line := s.partial
		s.partial = nil
		if _, err := s.line(line); err != nil {
			return Event{}, false
		}
	}
	if !s.hasData {
		return Event{}, false
	}
	s.trim()
	return s.event(), true
}

// Pending reports whether bytes of an unfinished line or event are held.
func (s *Parser) Pending() bool { return len(s.partial) > 0 || s.hasData && !s.clear }

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

func (s *Parser) release() {
	if s.clear {
		s.data, s.name, s.retry = s.data[:0], "", 0
		s.hasData, s.clear = false, false
	}
}

func (s *Parser) event() Event {
	s.clear = true
	return Event{Name: s.name, ID: s.lastID, Data: s.data, Retry: s.retry}
}

// trim removes the LF after the last data line.
func (s *Parser) trim() { s.data = s.data[:len(s.data)-1] }

func (s *Parser) keep(p []byte) error {
	if limit := orDefault(s.limits.MaxLine, DefaultMaxLine); len(s.partial)+len(p) > limit {
		return tooLong("line", limit)
	}
	s.partial = append(s.partial, p...)
	return nil
}

var bom = []byte("\xEF\xBB\xBF")

// line takes in one whole line and reports whether it dispatched an event.
func (s *Parser) line(line []byte) (bool, error) {
	if !s.began {
		s.began = true
		line = bytes.TrimPrefix(line, bom)
	}
	if limit := orDefault(s.limits.MaxLine, DefaultMaxLine); len(line) > limit {
		return false, tooLong("line", limit)
	}
	if len(line) == 0 {
		if !s.hasData {
			s.name, s.retry = "", 0
			return false, nil
		}
		s.trim()
		return true, nil
	}
	name, value := line, []byte(nil)
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		name, value = line[:i], line[i+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	return false, s.field(name, value)
}

func (s *Parser) field(name, value []byte) error {
	switch string(name) {
	case "data":
		if limit := orDefault(s.limits.MaxEvent, DefaultMaxEvent); len(s.data)+len(value) > limit {
			return tooLong("event", limit)
		}
		s.data = append(append(s.data, value...), '\n')
		s.hasData = true
	case "event":
		s.name = s.intern(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 && string(value) != s.lastID {
			s.lastID = string(value)
		}
	case "retry":
		if ms, ok := digits(value); ok {
			s.retry = time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}

// intern returns value as a string, without allocating for the names that repeat.
func (s *Parser) intern(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	for _, known := range s.names {
		if known == string(value) {
			return known
		}
	}
	name := string(value)
	s.names[s.nextSet] = name
	s.nextSet = (s.nextSet + 1) % len(s.names)
	return name
}

// digits reads ASCII digits, at most as many as a reconnection time of some weeks has.
func digits(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 10 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func orDefault(n, fallback int) int {
	if n > 0 {
		return n
	}
	return fallback
}

func tooLong(what string, limit int) error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/sse.Next",
		Message: "The upstream's event stream could not be read.",
		Err:     fmt.Errorf("a %s is longer than %d bytes", what, limit),
	}
}
