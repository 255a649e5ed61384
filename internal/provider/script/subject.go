package script

import (
	"regexp"
	"strings"
)

var (
	// listPattern finds what a preposition is about: "in Paris", "for Paris, Rome and Oslo".
	listPattern = regexp.MustCompile(`\b(?:in|for|at|of|about|between|to|from|with)\s+(` + item + `(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+)` + item + `)*)`)
	pairPattern = regexp.MustCompile(`(` + item + `)\s+and\s+(` + item + `)`)
	separator   = regexp.MustCompile(`\s*,\s*(?:and\s+)?|\s+and\s+`)
	// properName finds runs of capitalised words that do not begin a sentence.
	properName = regexp.MustCompile(`[^.?!\s]\s+(` + capitalised + `)`)
	quotation  = regexp.MustCompile(`["“']([^"“”']{2,})["”']`)
	number     = regexp.MustCompile(`-?\b\d+(?:\.\d+)?\b`)
)

const (
	capitalised = `\p{Lu}[\p{L}\d'’-]*(?:\s+\p{Lu}[\p{L}\d'’-]*)*`
	item        = `(?:` + capitalised + `|[\p{L}\d'’-]+)`
)

// fanOut lists the subjects of the prompt's list ("Paris and London"); one or
// none when it has no list.
func fanOut(prompt string) []string {
	for _, m := range listPattern.FindAllStringSubmatch(prompt, -1) {
		if items := separator.Split(m[1], -1); len(items) > 1 {
			return items
		}
	}
	if m := pairPattern.FindStringSubmatch(prompt); m != nil {
		return m[1:]
	}
	return nil
}

// subjects lists what the prompt is about, in order: quoted text, names after
// prepositions, other proper names, else the last thing a preposition names.
func subjects(prompt string) []string {
	var out []string
	for _, m := range quotation.FindAllStringSubmatch(prompt, -1) {
		out = append(out, m[1])
	}
	if len(out) > 0 {
		return out
	}
	lists := listPattern.FindAllStringSubmatch(prompt, -1)
	for _, m := range lists {
		for _, it := range separator.Split(m[1], -1) {
			if strings.ToLower(it[:1]) != it[:1] {
				out = append(out, it)
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, m := range properName.FindAllStringSubmatch(prompt, -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 && len(lists) > 0 {
		out = separator.Split(lists[len(lists)-1][1], -1)
	}
	if len(out) == 0 {
		out = fanOut(prompt)
	}
	if len(out) == 0 {
		out = []string{strings.TrimSpace(prompt)}
	}
	return out
}
