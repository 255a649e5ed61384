package cassette

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// magic begins every cassette.
const magic = "craton cassette 1\n"

// format writes a tape as text. Payloads are preceded by their length, as text
// where they are UTF-8 and as base64 where not, so that a person can read a
// difference and a parser need not guess:
//
//	craton cassette 1
//	# note
//
//	request POST /v1/chat/completions
//	body text 2
//	{}
//	response 200
//	header Content-Type: text/event-stream
//	chunk text 14
//	data: [DONE]
//
//	end
//
// "broken" stands for "end" where the client left before the end. Takes are
// sorted by request, so that recording twice differs little.
func format(t *tape) []byte {
	var b bytes.Buffer
	b.WriteString(magic)
	for line := range strings.Lines(t.note) {
		b.WriteString("# " + strings.TrimSpace(line) + "\n")
	}
	takes := slices.Clone(t.takes)
	slices.SortStableFunc(takes, func(x, y *take) int { return strings.Compare(x.key(), y.key()) })
	for _, k := range takes {
		fmt.Fprintf(&b, "\nrequest %s %s\n", k.method, k.target)
		payload(&b, "body", k.body)
		fmt.Fprintf(&b, "response %d\n", k.status)
		for _, name := range slices.Sorted(maps.Keys(k.header)) {
			for _, v := range k.header[name] {
				fmt.Fprintf(&b, "header %s: %s\n", name, v)
			}
		}
		for _, c := range k.chunks {
			payload(&b, "chunk", c)
		}
		if k.broken {
			b.WriteString("broken\n")
		} else {
			b.WriteString("end\n")
		}
	}
	return b.Bytes()
}

func payload(b *bytes.Buffer, name string, data []byte) {
	if utf8.Valid(data) && !bytes.ContainsAny(data, "\x00\r") {
		fmt.Fprintf(b, "%s text %d\n%s\n", name, len(data), data)
		return
	}
	coded := base64.StdEncoding.EncodeToString(data)
	fmt.Fprintf(b, "%s base64 %d\n%s\n", name, len(coded), coded)
}

// parser reads what format writes.
type parser struct {
	data []byte
	line int
}

func parse(data []byte) (*tape, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("line 1: not a cassette; it must begin with %q", strings.TrimSpace(magic))
	}
	p := &parser{data: rest, line: 1}
	t := &tape{}
	for {
		line, ok := p.next()
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case !ok:
			return t, nil
		case line == "":
		case word == "#":
			t.note += rest + "\n"
		case word == "request":
			k, err := p.take(rest)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", p.line, err)
			}
			t.takes = append(t.takes, k)
		default:
			return nil, fmt.Errorf("line %d: %q stands where a request should begin", p.line, line)
		}
	}
}

func (p *parser) next() (string, bool) {
	if len(p.data) == 0 {
		return "", false
	}
	line, rest, _ := bytes.Cut(p.data, []byte("\n"))
	p.data = rest
	p.line++
	return string(line), true
}

func (p *parser) take(request string) (*take, error) {
	k := &take{header: http.Header{}}
	var ok bool
	if k.method, k.target, ok = strings.Cut(request, " "); !ok {
		return nil, fmt.Errorf("a request needs a method and a path")
	}
	for {
		line, ok := p.next()
		if !ok {
			return nil, fmt.Errorf("the file ends within a request")
		}
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "body":
			k.body, err = p.payload(rest)
		case "response":
			k.status, err = strconv.Atoi(rest)
		case "header":
			name, value, _ := strings.Cut(rest, ": ")
			k.header.Add(name, value)
		case "chunk":
			var c []byte
			c, err = p.payload(rest)
			k.chunks = append(k.chunks, c)
		case "broken", "end":
			k.broken = word == "broken"
			return k, nil
		default:
			err = fmt.Errorf("%q is not part of a request", line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// payload reads what a head like "text 14" announces, and the line end after it.
func (p *parser) payload(head string) ([]byte, error) {
	coding, length, _ := strings.Cut(head, " ")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n >= len(p.data) || p.data[n] != '\n' {
		return nil, fmt.Errorf("the length %q does not fit what follows", length)
	}
	data := p.data[:n]
	p.data = p.data[n+1:]
	p.line += bytes.Count(data, []byte("\n")) + 1
	switch coding {
	case "text":
		return data, nil
	case "base64":
		return base64.StdEncoding.DecodeString(string(data))
	}
	return nil, fmt.Errorf("%q is neither text nor base64", coding)
}
