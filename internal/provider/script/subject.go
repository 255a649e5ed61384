package script

import (
	"regexp"
	"slices"
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

// hollow words are never what a prompt is about.
const hollow = " a an and at for from in is it me my of please the then this to today tomorrow with you your "

// items splits a list at its commas and ands, numbers left out.
func items(list string) []string {
	return slices.DeleteFunc(separator.Split(list, -1), func(it string) bool {
		return it == "" || number.FindString(it) == it || strings.Contains(hollow, " "+strings.ToLower(it)+" ")
	})
}

// fanOut lists the subjects of the prompt's list ("Paris and London"); one or
// none when it has no list.
func fanOut(prompt string) []string {
	for _, m := range listPattern.FindAllStringSubmatch(prompt, -1) {
		if list := items(m[1]); len(list) > 1 {
			return list
		}
	}
	if m := pairPattern.FindStringSubmatch(prompt); m != nil {
		return items(m[1] + " and " + m[2])
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
		for _, it := range items(m[1]) {
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
		out = items(lists[len(lists)-1][1])
	}
	if len(out) == 0 {
		out = fanOut(prompt)
	}
	if len(out) == 0 {
		out = []string{strings.TrimSpace(prompt)}
	}
	return out
}
