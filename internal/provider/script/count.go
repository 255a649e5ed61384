package script

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
)

// MediumTokens is what each image, audio, video or non-text document counts.
const MediumTokens = 10

// Count is the number of input tokens of a request, exactly: one for each word
// between white space in every text, tool name, tool description, tool schema,
// tool call (name and arguments) and tool result, and MediumTokens for each
// medium. Roles and separators count nothing.
func Count(req *model.Request) int64 {
	before, after := countAround(req)
	return before + after
}

// countAround splits the count at the last cache point of the messages or tools.
func countAround(req *model.Request) (before, after int64) {
	var n int64
	for _, t := range req.Tools {
		n += words(t.Name) + words(t.Description) + words(string(t.Schema))
		if t.Cache != nil {
			before, n = before+n, 0
		}
	}
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			if _, ok := p.(*model.CachePoint); ok {
				before, n = before+n, 0
				continue
			}
			n += countPart(p)
		}
	}
	return before, n
}

// cacheUse says how the cached prefix is metered: what stands before a cache
// point is written to the cache in the first turn and read from it in later
// ones (when the model has answered before). The rule needs no memory, so the
// same request always costs the same.
func cacheUse(req *model.Request) model.Usage {
	before, after := countAround(req)
	u := model.Usage{Input: after}
	if before == 0 {
		return u
	}
	ttl, answered := "", false
	for _, m := range req.Messages {
		answered = answered || m.Role == model.RoleAssistant
		for _, p := range m.Parts {
			if c, ok := p.(*model.CachePoint); ok {
				ttl = c.TTL
			}
		}
	}
	switch {
	case answered:
		u.CacheRead = before
	case ttl == "1h":
		u.CacheWrite1h = before
	default:
		u.CacheWrite5m = before
	}
	return u
}

func countPart(p model.Part) int64 {
	switch p := p.(type) {
	case *model.Text:
		return words(p.Text)
	case *model.Refusal:
		return words(p.Text)
	case *model.Reasoning:
		return words(p.Text)
	case *model.Guard:
		return words(p.Text)
	case *model.Structured:
		return words(string(p.JSON))
	case *model.ToolCall:
		return words(p.Name) + words(p.Arguments)
	case *model.ToolResult:
		return countParts(p.Content)
	case *model.SearchResult:
		return words(p.Title) + countParts(p.Content)
	case *model.Document:
		if p.Source.Text != "" || p.Content != nil {
			return words(p.Source.Text) + countParts(p.Content)
		}
		return MediumTokens
	case *model.Image, *model.Audio, *model.Video:
		return MediumTokens
	}
	return 0
}

func countParts(parts []model.Part) (n int64) {
	for _, p := range parts {
		n += countPart(p)
	}
	return n
}

// words counts what stands between white space. It looks at eight bytes
// together, and at more within long words.
func words(text string) (n int64) {
	s := text
	var space uint64 = 1 // what went before is white space
	for len(s) >= 8 {
		if len(s) >= solidBytes && solid(s) {
			n, space, s = n+int64(space), 0, s[solidBytes:]
			continue
		}
		next := eight(s)
		if next&high != 0 {
			return runeWords(text)
		}
		white := spaces(next)
		n += int64(bits.OnesCount64(^white & (white<<8 | space<<7) & high))
		space, s = white>>63, s[8:]
	}
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return runeWords(text)
		}
		before := space
		space = 0
		if c == ' ' || c-'\t' <= '\r'-'\t' {
			space = 1
		}
		n += int64(before &^ space)
	}
	return n
}

// Eight bytes are worked on as one number.
const (
	each = 0x0101010101010101
	high = 0x80 * each
)

// eight reads 8 bytes; the compiler makes one load of them.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// spaces has the highest bit of each byte that is white space, of 8 bytes of
// ASCII. Each sum stays within its byte, and its highest bit says whether the
// byte is another than ' ', at least '\t', more than '\r'.
func spaces(n uint64) uint64 {
	other := (n ^ ' '*each) + 0x7f*each
	return (^other | (n+(0x80-'\t')*each)&^(n+(0x80-'\r'-1)*each)) & high
}

// solidBytes is how many bytes solid looks at together.
const solidBytes = 32

// solid reports whether the next bytes are all of ASCII and no white space.
// Control characters that are none count as not solid. A byte below '!' borrows
// from its own highest bit, which is else clear.
func solid(s string) bool {
	a, b, c, d := eight(s), eight(s[8:]), eight(s[16:]), eight(s[24:])
	below := (a - '!'*each) | (b - '!'*each) | (c - '!'*each) | (d - '!'*each)
	return (a|b|c|d|below)&high == 0
}

// runeWords is words of any text.
func runeWords(s string) (n int64) {
	for range strings.FieldsSeq(s) {
		n++
	}
	return n
}

// chunks cuts text into its tokens: each word with the white space before it,
// the last with what follows too. Joined they are the text.
func chunks(text string) []string {
	var out []string
	start, inWord := 0, false
	for i, r := range text {
		space := unicode.IsSpace(r)
		if space && inWord {
			out, start = append(out, text[start:i]), i
		}
		inWord = !space
	}
	rest := text[start:]
	switch {
	case rest == "":
	case strings.TrimSpace(rest) == "" && len(out) > 0:
		out[len(out)-1] += rest
	default:
		out = append(out, rest)
	}
	return out
}
