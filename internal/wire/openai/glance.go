package openai

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/tidwall/gjson"
)

// glance reads a JSON object once: it checks all of it, down to MaxDepth, and
// shows each of its own members, named as between its quotes and lying from one
// index to another. ok is false where the body is anything else; what was shown
// until then means nothing.
func glance(body []byte, show func(name []byte, from, to int)) (ok bool) {
	g := glancer{body: body, show: show}
	return g.read()
}

// glancer walks over a body. Its methods take the index of what they read and
// return the index behind it, or less than 0 where it is not JSON.
type glancer struct {
	body []byte
	show func(name []byte, from, to int)
	// media is what was seen within the member being read, messages what there
	// was in that of this name.
	media, messages media
}

// media counts what a body holds besides text.
type media struct {
	// pieces are pictures and sounds, inline those bytes of the body that they take.
	pieces, inline int
}

const broken = -1

func (g *glancer) read() bool {
	i := g.space(0)
	if g.at(i) != '{' {
		return false
	}
	i = g.object(i+1, 1)
	return i >= 0 && g.space(i) == len(g.body)
}

func (g *glancer) space(i int) int {
	for i < len(g.body) && (g.body[i] == ' ' || g.body[i] == '\n' || g.body[i] == '\t' || g.body[i] == '\r') {
		i++
	}
	return i
}

// at is the byte at i, and 0 behind the end.
func (g *glancer) at(i int) byte {
	if i < len(g.body) {
		return g.body[i]
	}
	return 0
}

// object reads from behind the bracket that opens it.
func (g *glancer) object(i, depth int) int {
	if i = g.space(i); g.at(i) == '}' {
		return i + 1
	}
	for {
		if g.at(i) != '"' {
			return broken
		}
		name := i + 1
		if i = g.text(name); i < 0 {
			return broken
		}
		named := i - 1
		if i = g.space(i); g.at(i) != ':' {
			return broken
		}
		from := g.space(i + 1)
		if i = g.value(from, depth); i < 0 {
			return broken
		}
		switch depth {
		case 1:
			if g.media.pieces > 0 {
				g.settle(g.body[name:named])
			}
			g.show(g.body[name:named], from, i)
		case mediaDepth:
			g.weigh(g.body[name:named], g.body[from:i])
		}
		switch i = g.space(i); g.at(i) {
		case '}':
			return i + 1
		case ',':
			i = g.space(i + 1)
		default:
			return broken
		}
	}
}

// mediaDepth is how deep messages hold media: as members of an object in a part
// of a message's content. Nothing that a model reads as text lies there.
const mediaDepth = 6

var pictureURL = []byte(`"data:image/`)

// weigh counts a member that holds media.
func (g *glancer) weigh(name, value []byte) {
	switch {
	case value[0] != '"':
	case string(name) == "url":
		g.media.pieces++
		if bytes.HasPrefix(value, pictureURL) {
			g.media.inline += len(value)
		}
	case string(name) == "data":
		g.media.pieces++
		g.media.inline += len(value)
	}
}

// settle ends a member of the body's own that may hold media.
func (g *glancer) settle(name []byte) {
	if string(name) == "messages" {
		g.messages = g.media
	}
	g.media = media{}
}

// array reads from behind the bracket that opens it.
func (g *glancer) array(i, depth int) int {
	if i = g.space(i); g.at(i) == ']' {
		return i + 1
	}
	for {
		if i = g.value(i, depth); i < 0 {
			return broken
		}
		switch i = g.space(i); g.at(i) {
		case ']':
			return i + 1
		case ',':
			i = g.space(i + 1)
		default:
			return broken
		}
	}
}

// value reads a value that lies within depth others.
func (g *glancer) value(i, depth int) int {
	switch c := g.at(i); {
	case c == '"':
		return g.text(i + 1)
	case c == '{' && depth < MaxDepth:
		return g.object(i+1, depth+1)
	case c == '[' && depth < MaxDepth:
		return g.array(i+1, depth+1)
	case c == 't':
		return g.word(i, "true")
	case c == 'f':
		return g.word(i, "false")
	case c == 'n':
		return g.word(i, "null")
	case c == '-' || isDigit(c):
		return g.number(i)
	}
	return broken
}

func (g *glancer) word(i int, word string) int {
	if end := i + len(word); end <= len(g.body) && string(g.body[i:end]) == word {
		return end
	}
	return broken
}

func (g *glancer) number(i int) int {
	if g.at(i) == '-' {
		i++
	}
	whole := i
	if i = g.digits(i); i < 0 || g.body[whole] == '0' && i > whole+1 {
		return broken
	}
	if g.at(i) == '.' {
		if i = g.digits(i + 1); i < 0 {
			return broken
		}
	}
	if c := g.at(i); c == 'e' || c == 'E' {
		if i++; g.at(i) == '+' || g.at(i) == '-' {
			i++
		}
		return g.digits(i)
	}
	return i
}

// digits reads one digit or more.
func (g *glancer) digits(i int) int {
	from := i
	for isDigit(g.at(i)) {
		i++
	}
	if i == from {
		return broken
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Eight bytes at once: each of them 1, and the highest bit of each.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads from behind the quote that opens a string.
func (g *glancer) text(i int) int {
	b := g.body
	for i < len(b) {
		if i+8 <= len(b) {
			// The lowest bit found is that of the first quote, backslash or control
			// character; those above it may be wrong.
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return broken
		case c == '\\':
			if i = g.escape(i + 1); i < 0 {
				return broken
			}
		default:
			i++
		}
	}
	return broken
}

// escape reads what follows a backslash.
func (g *glancer) escape(i int) int {
	switch g.at(i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for n := 1; n <= 4; n++ {
			if c := g.at(i+n) | 0x20; !isDigit(g.at(i+n)) && (c < 'a' || c > 'f') {
				return broken
			}
		}
		return i + 5
	}
	return broken
}

// nameOf is a member's name as its writer meant it.
func nameOf(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return gjson.Parse(`"` + string(quoted) + `"`).Str
	}
	return view(quoted)
}
