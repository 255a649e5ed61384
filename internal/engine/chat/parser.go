package chat

import (
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// EventKind tells what a part of an answer is.
type EventKind int

// The kinds of events.
const (
	EventText      EventKind = iota // Text is part of the answer
	EventReasoning                  // Text is part of the reasoning before it
	EventCall                       // call Index of the tool Name begins
	EventArguments                  // Text is part of the arguments of call Index
)

// Event is a part of an answer.
type Event struct {
	Kind  EventKind
	Text  string
	Index int
	Name  string
}

// ParserOptions says what to look for.
type ParserOptions struct {
	// Tools looks for calls in Format.
	Tools  bool
	Format Format
	// Bound means that a grammar lets the answer be nothing but calls: what of one
	// was begun when the answer was cut short is no text.
	Bound bool
	// Plain passes everything on as text.
	Plain bool
	// Thinking means that the prompt ended inside a <think> block.
	Thinking bool
}

// Parser splits the text of an answer, as it streams, into reasoning, text and
// tool calls. Text that only looks like the beginning of a call comes out as
// text; nothing is lost but, after a call, one that was begun when the answer was
// cut short. It belongs to one goroutine.
type Parser struct {
	options ParserOptions
	state   parserState
	buffer  string // text not yet decided
	calls   int
	depth   int  // of open brackets in the arguments
	quoted  bool // inside a string of the arguments
	escaped bool
	begun   bool // some text was emitted
	called  bool // a call is the last that came
}

type parserState int

const (
	atStart parserState = iota // before anything: reasoning or a bare call may come
	inReasoning
	afterReasoning // whitespace before the answer
	inText
	inHead // after the mark of a call, before its arguments
	inArguments
	inTail // after the arguments
	inRest // whatever comes is dropped
)

const thinkOpen, thinkClose = "<think>", "</think>"

// NewParser makes a parser for one answer.
func NewParser(options ParserOptions) *Parser {
	p := &Parser{options: options}
	switch {
	case options.Plain:
		p.state, p.options.Tools = inText, false
	case options.Thinking:
		p.state = inReasoning
	}
	return p
}

// Calls is the number of tool calls begun so far.
func (p *Parser) Calls() int { return p.calls }

// Add takes more text and answers what became certain.
func (p *Parser) Add(text string) []Event {
	p.buffer += text
	var events []Event
	for {
		before, state := len(p.buffer), p.state
		events = p.advance(events, false)
		if len(p.buffer) == before && p.state == state {
			return events
		}
	}
}

// Close says that no more text comes, and answers what was held back.
func (p *Parser) Close() []Event {
	var events []Event
	for {
		before, state := len(p.buffer), p.state
		events = p.advance(events, true)
		if len(p.buffer) == before && p.state == state {
			return events
		}
	}
}

func (p *Parser) advance(events []Event, end bool) []Event {
	switch p.state {
	case atStart:
		return p.start(events, end)
	case inReasoning:
		return p.reasoning(events, end)
	case afterReasoning:
		p.buffer = strings.TrimLeft(p.buffer, " \t\r\n")
		if p.buffer != "" {
			p.state = atText(p.options)
		}
		return events
	case inText:
		return p.text(events, end)
	case inHead:
		return p.head(events, end)
	case inArguments:
		return p.arguments(events)
	case inTail:
		return p.tail(events, end)
	default:
		p.buffer = ""
		return events
	}
}

func atText(o ParserOptions) parserState {
	if o.Tools && o.Format.Open == "" {
		return inHead
	}
	return inText
}

// start waits until the answer is known to begin with reasoning or not.
func (p *Parser) start(events []Event, end bool) []Event {
	trimmed := strings.TrimLeft(p.buffer, " \t\r\n")
	switch {
	case strings.HasPrefix(trimmed, thinkOpen):
		p.buffer, p.state = trimmed[len(thinkOpen):], inReasoning
	case !end && strings.HasPrefix(thinkOpen, trimmed):
	default:
		p.state = atText(p.options)
	}
	return events
}

func (p *Parser) reasoning(events []Event, end bool) []Event {
	if i := strings.Index(p.buffer, thinkClose); i >= 0 {
		events = appendText(events, EventReasoning, p.trimStart(p.buffer[:i]))
		p.buffer, p.state = p.buffer[i+len(thinkClose):], afterReasoning
		return events
	}
	keep := 0
	if !end {
		keep = partialSuffix(p.buffer, thinkClose)
	}
	out := p.trimStart(p.buffer[:len(p.buffer)-keep])
	p.buffer = p.buffer[len(p.buffer)-keep:]
	return appendText(events, EventReasoning, out)
}

// trimStart drops the white space before the first reasoning.
func (p *Parser) trimStart(text string) string {
	if !p.begun {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	p.begun = p.begun || text != ""
	return text
}

// text passes text on until a call opens. White space before a possible call is
// held back with it.
func (p *Parser) text(events []Event, end bool) []Event {
	if !p.options.Tools || p.options.Format.Open == "" {
		events = appendText(events, EventText, p.buffer)
		p.buffer = ""
		return events
	}
	open := p.options.Format.Open
	if i := strings.Index(p.buffer, open); i >= 0 {
		before := strings.TrimRight(p.buffer[:i], " \t\r\n")
		events = appendText(events, EventText, before)
		p.called = p.called && before == ""
		p.buffer, p.state = p.buffer[i+len(open):], inHead
		return events
	}
	keep := partialSuffix(p.buffer, open)
	trimmed := strings.TrimRight(p.buffer[:len(p.buffer)-keep], " \t\r\n")
	switch {
	case !end:
		keep = len(p.buffer) - len(trimmed)
	case trimmed == "" && p.onlyCalls():
		p.buffer = ""
		return events
	default:
		keep = 0
	}
	events = appendText(events, EventText, p.buffer[:len(p.buffer)-keep])
	p.called = p.called && trimmed == ""
	p.buffer = p.buffer[len(p.buffer)-keep:]
	return events
}

// onlyCalls reports whether nothing but another call may come: the grammar that
// a call stands under has it so.
func (p *Parser) onlyCalls() bool { return p.options.Bound || p.called }

var callHead = regexp.MustCompile(`^[\s\[,]*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*`)

// cutHead is every beginning of callHead.
var cutHead = regexp.MustCompile(`^[\s\[,]*(?:\{\s*(?:"(?:n(?:a(?:m(?:e(?:"\s*(?::\s*(?:"(?:[^"\\]|\\.)*\\?(?:"\s*(?:,\s*(?:"[a-z]*(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?)?)?)?)?)?$`)

// bareStart is what an answer that is a bare call begins with; every beginning
// of it is undecided.
var bareStart = regexp.MustCompile(`^\s*(\{\s*("(n(a(m(e("[\s\S]*)?)?)?)?)?)?)?$`)

// maxHead bounds what is held back while a call's name is awaited.
const maxHead = 4096

func (p *Parser) head(events []Event, end bool) []Event {
	match := callHead.FindStringSubmatchIndex(p.buffer)
	if match != nil && match[1] < len(p.buffer) && p.buffer[match[1]] == '{' {
		var name string
		if json.Unmarshal([]byte(p.buffer[match[2]:match[3]]), &name) == nil {
			events = append(events, Event{Kind: EventCall, Index: p.calls, Name: name})
			p.calls++
			p.called = true
			p.buffer, p.state = p.buffer[match[1]:], inArguments
			p.depth, p.quoted, p.escaped = 0, false, false
			return events
		}
	}
	bare := p.options.Format.Open == ""
	if !end && len(p.buffer) < maxHead && (!bare || p.calls > 0 || bareStart.MatchString(p.buffer)) {
		return events
	}
	if end && p.onlyCalls() && cutHead.MatchString(p.buffer) || p.calls > 0 && strings.TrimSpace(p.buffer) == "" {
		p.buffer = ""
		return events
	}
	p.called = false
	events = appendText(events, EventText, p.options.Format.Open+p.buffer)
	p.buffer, p.state = "", inText
	return events
}

// arguments passes the object on, up to the bracket that closes it.
func (p *Parser) arguments(events []Event) []Event {
	for i := range len(p.buffer) {
		c := p.buffer[i]
		switch {
		case p.escaped:
			p.escaped = false
		case p.quoted && c == '\\':
			p.escaped = true
		case c == '"':
			p.quoted = !p.quoted
		case p.quoted:
		case c == '{' || c == '[':
			p.depth++
		case c == '}' || c == ']':
			p.depth--
			if p.depth == 0 {
				events = append(events, Event{Kind: EventArguments, Index: p.calls - 1, Text: p.buffer[:i+1]})
				p.buffer, p.state = p.buffer[i+1:], inTail
				return events
			}
		}
	}
	if p.buffer != "" {
		events = append(events, Event{Kind: EventArguments, Index: p.calls - 1, Text: p.buffer})
		p.buffer = ""
	}
	return events
}

// tail drops what closes a call.
func (p *Parser) tail(events []Event, end bool) []Event {
	f := p.options.Format
	rest := strings.TrimLeft(p.buffer, " \t\r\n")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "}"), " \t\r\n")
	switch {
	case f.Open == "":
		p.state = inRest
	case f.List && strings.HasPrefix(rest, ","):
		p.buffer, p.state = rest, inHead
	case f.List && strings.HasPrefix(rest, "]"):
		p.buffer, p.state = rest[1:], inText
	case !f.List && strings.HasPrefix(rest, f.Close):
		p.buffer, p.state = rest[len(f.Close):], inText
	case end:
		p.buffer = ""
	}
	return events
}

func appendText(events []Event, kind EventKind, text string) []Event {
	if text == "" {
		return events
	}
	return append(events, Event{Kind: kind, Text: text})
}

// partialSuffix is the length of the longest end of text that is a proper
// beginning of mark.
func partialSuffix(text, mark string) int {
	for n := min(len(mark)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}
