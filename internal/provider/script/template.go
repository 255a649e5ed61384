package script

import (
	"regexp"
	"strconv"
	"strings"
)

// maxWords bounds ${words:N} and ${count:N}.
const maxWords = 100_000

var slot = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand fills a template in. Unknown names become nothing.
func (v *view) expand(template string, groups map[string]string) string {
	if !strings.Contains(template, "${") {
		return template
	}
	return slot.ReplaceAllStringFunc(template, func(m string) string {
		return v.fill(m[2:len(m)-1], groups)
	})
}

func (v *view) fill(name string, groups map[string]string) string {
	if text, ok := groups[name]; ok {
		return text
	}
	if kind, group, ok := strings.Cut(name, ":"); ok {
		n, _ := strconv.Atoi(groups[group])
		return series(kind, min(n, maxWords))
	}
	switch name {
	case "prompt":
		return v.prompt
	case "system":
		return v.system
	case "turn":
		return strconv.Itoa(v.turn)
	case "model":
		return v.req.Model
	case "media":
		return v.mediaText()
	case "results":
		return strings.Join(v.results, "; ")
	case "first":
		if len(v.earlier) > 0 {
			return v.earlier[0]
		}
		return v.prompt
	}
	return ""
}

// series is n words ("words") or the numbers to n ("count").
func series(kind string, n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		switch {
		case i > 1 && kind == "count":
			b.WriteString(", ")
		case i > 1:
			b.WriteByte(' ')
		}
		if kind == "words" {
			b.WriteString("word")
		}
		b.WriteString(strconv.Itoa(i))
	}
	return b.String()
}
