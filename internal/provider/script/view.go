package script

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"
	"unicode"

	"github.com/craton-ai/craton/internal/model"
)

// view is what rules see of a request.
type view struct {
	req     *model.Request
	prompt  string   // text of the last user message that holds text
	earlier []string // texts of the user messages before that one
	system  string
	turn    int
	results []string // tool results since the model last spoke
	rounds  int      // answers with tool calls since the last user text
	media   []string // media since the model last spoke, described
	tools   []model.Tool
	digest  uint64
}

func look(req *model.Request) *view {
	v := &view{req: req, tools: callable(req), digest: digest(req)}
	var texts, systems []string
	// Results are rendered at the end: most are of before the model last spoke.
	var results []*model.ToolResult
	for _, m := range req.Messages {
		switch m.Role {
		case model.RoleAssistant:
			results, v.media = results[:0], nil
			if slices.ContainsFunc(m.Parts, isCall) {
				v.rounds++
			}
		case model.RoleUser:
			v.user(m, &texts, &results)
		default:
			systems = append(systems, m.Text())
		}
	}
	for _, r := range results {
		v.results = append(v.results, renderResult(r))
	}
	v.system = strings.Join(systems, "\n")
	if n := len(texts); n > 0 {
		v.prompt, v.earlier = texts[n-1], texts[:n-1]
	}
	return v
}

func isCall(p model.Part) bool {
	_, ok := p.(*model.ToolCall)
	return ok
}

func (v *view) user(m model.Message, texts *[]string, results *[]*model.ToolResult) {
	own := false
	for _, p := range m.Parts {
		if r, ok := p.(*model.ToolResult); ok {
			*results = append(*results, r)
			continue
		}
		if d := describe(p); d != "" {
			v.media = append(v.media, d)
		}
		own = true
	}
	if own {
		v.turn++
	}
	if t := m.Text(); strings.TrimSpace(t) != "" {
		*texts = append(*texts, t)
		v.rounds = 0
	}
}

// callable lists the tools the request allows to be called, server tools excepted.
func callable(req *model.Request) []model.Tool {
	var out []model.Tool
	for _, t := range req.Tools {
		c := req.ToolChoice
		switch {
		case t.Opaque != nil, c.Mode == model.ChoiceNone:
		case c.Mode == model.ChoiceNamed && t.Name != c.Name:
		case len(c.Allowed) > 0 && !slices.Contains(c.Allowed, t.Name):
		default:
			out = append(out, t)
		}
	}
	return out
}

// forced reports whether the request demands a tool call.
func forced(req *model.Request) bool {
	return req.ToolChoice.Mode == model.ChoiceRequired || req.ToolChoice.Mode == model.ChoiceNamed
}

// relevant lists the callable tools whose names share words with the prompt,
// the one that shares most first; a further one only for words the ones before
// it do not share, so that of get_weather and get_weather_map a question about
// the weather means one. When none shares a word but a call is demanded, it is
// the first tool.
func (v *view) relevant() []*model.Tool {
	var out []*model.Tool
	prompt := strings.FieldsFunc(strings.ToLower(v.prompt), func(r rune) bool { return !unicode.IsLetter(r) })
	taken := map[string]bool{}
	for range v.tools {
		best, most := -1, 0
		for i, t := range v.tools {
			if n := len(shared(t.Name, prompt, taken)); n > most {
				best, most = i, n
			}
		}
		if best < 0 {
			break
		}
		out = append(out, &v.tools[best])
		for _, w := range nameWords(v.tools[best].Name) {
			taken[w] = true
		}
	}
	if out == nil && forced(v.req) && len(v.tools) > 0 {
		out = []*model.Tool{&v.tools[0]}
	}
	return out
}

// shared lists the words of a tool's name that the prompt says and that are not
// taken. A longer word may go on in the prompt (weather, weathers), a short one
// not (add, address).
func shared(name string, prompt []string, taken map[string]bool) []string {
	return slices.DeleteFunc(nameWords(name), func(w string) bool {
		said := slices.ContainsFunc(prompt, func(p string) bool { return p == w || len(w) > 3 && strings.HasPrefix(p, w) })
		return taken[w] || !said
	})
}

// nameWords splits get_weather and getWeather alike; words under three letters
// and bare verbs of access say nothing.
func nameWords(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower || !unicode.IsLetter(r) {
			b.WriteByte(' ')
		}
		if unicode.IsLetter(r) {
			b.WriteRune(unicode.ToLower(r))
		}
		lower = unicode.IsLower(r)
	}
	return slices.DeleteFunc(strings.Fields(b.String()), func(w string) bool {
		return len(w) < 3 || w == "get" || w == "set" || w == "the" || w == "tool"
	})
}

func renderResult(r *model.ToolResult) string {
	var out []string
	for _, p := range r.Content {
		switch p := p.(type) {
		case *model.Text:
			out = append(out, p.Text)
		case *model.Structured:
			out = append(out, string(p.JSON))
		default:
			if d := describe(p); d != "" {
				out = append(out, d)
			}
		}
	}
	s := strings.Join(out, " ")
	if r.Error {
		return "error: " + s
	}
	return s
}

// describe says what a medium is: kind, type and size in bytes, or its address.
func describe(p model.Part) string {
	switch p := p.(type) {
	case *model.Image:
		return "image" + source(p.Source)
	case *model.Audio:
		return "audio" + source(p.Source)
	case *model.Video:
		return "video" + source(p.Source)
	case *model.Document:
		if p.Content != nil {
			return fmt.Sprintf("document %q with %d parts", p.Name, len(p.Content))
		}
		return strings.TrimSpace("document "+p.Name) + source(p.Source)
	}
	return ""
}

func source(s model.Source) string {
	switch {
	case s.URL != "":
		return " at " + s.URL
	case s.FileID != "":
		return " in file " + s.FileID
	case s.Text != "":
		return fmt.Sprintf(" (%s, %d bytes)", otherwise(s.MIME, "text/plain"), len(s.Text))
	}
	return fmt.Sprintf(" (%s, %d bytes)", otherwise(s.MIME, "unknown type"), len(s.Data))
}

func otherwise(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// mediaText counts and lists the media: "2 images: image (image/png, 70 bytes), image at https://…".
func (v *view) mediaText() string {
	images := 0
	for _, m := range v.media {
		if strings.HasPrefix(m, "image") {
			images++
		}
	}
	noun := "media"
	if images == len(v.media) {
		noun = "images"
	}
	if len(v.media) == 1 {
		return "1 " + v.media[0]
	}
	return fmt.Sprintf("%d %s: %s", len(v.media), noun, strings.Join(v.media, ", "))
}

// recent is how many messages at the end of a request are told apart by all
// they say; of those before, lengths and the ids of calls count.
const recent = 16

// digest tells requests apart; answer and call ids are made of it. It is asked
// for with each request, so a long conversation is not read again each time.
func digest(req *model.Request) uint64 {
	d := &digester{hash: sha256.New(), buf: make([]byte, 0, digestBuffer)}
	d.add('n', req.Model)
	for i, m := range req.Messages {
		d.brief = i < len(req.Messages)-recent
		d.add('|', string(m.Role))
		d.parts(m.Parts)
	}
	_, _ = d.hash.Write(d.buf) // a hash takes everything
	return binary.BigEndian.Uint64(d.hash.Sum(nil))
}

// digester hashes strings with their lengths, so that none runs into the next.
type digester struct {
	hash  hash.Hash
	buf   []byte // what was not hashed yet
	brief bool   // texts count by their length only
}

const digestBuffer = 4 << 10

// briefBytes is how long an id may be: what is no longer counts as it is.
const briefBytes = 40

func (d *digester) add(kind byte, s string) {
	d.buf = append(d.buf, kind)
	d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
	if !d.brief || len(s) <= briefBytes {
		d.buf = append(d.buf, s...)
	}
	if len(d.buf) > digestBuffer/2 {
		_, _ = d.hash.Write(d.buf) // a hash takes everything
		d.buf = d.buf[:0]
	}
}

func (d *digester) parts(parts []model.Part) {
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			d.add('t', p.Text)
		case *model.ToolCall:
			d.add('c', p.ID)
			d.add('c', p.Name)
			d.add('c', p.Arguments)
		case *model.ToolResult:
			d.add('r', p.CallID)
			d.parts(p.Content)
		case *model.Structured:
			d.add('j', string(p.JSON))
		default:
			d.add('m', describe(p))
		}
	}
}
