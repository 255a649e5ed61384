package script

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// compiled is a Rule ready to match.
type compiled struct {
	Rule
	regex *regexp.Regexp
}

func compile(rules []Rule) ([]compiled, error) {
	out := make([]compiled, len(rules))
	for i, r := range rules {
		out[i].Rule = r
		var err error
		if r.When.Regex != "" {
			if out[i].regex, err = regexp.Compile(r.When.Regex); err != nil {
				return nil, ruleError(i, r, "when.regex", err)
			}
		}
		if r.When.History != "" {
			if _, err = regexp.Compile(slot.ReplaceAllString(r.When.History, "x")); err != nil {
				return nil, ruleError(i, r, "when.history", err)
			}
		}
	}
	return out, nil
}

func ruleError(i int, r Rule, member string, err error) error {
	return (&model.Error{
		Kind: model.Invalid, Op: "script.New", Subject: fmt.Sprintf("rules.%d.%s", i, member),
		Message: fmt.Sprintf("Rule %d (%q) has a bad expression: %v.", i, r.Name, err),
	}).WithHint("Use RE2 syntax, see https://github.com/google/re2/wiki/Syntax.")
}

// match reports whether the rule applies, and the groups it captured.
func (c *compiled) match(v *view, card *model.Card) (map[string]string, bool) {
	w := c.When
	prompt := strings.TrimSpace(v.prompt)
	switch {
	case len(w.Models) > 0 && !slices.Contains(w.Models, card.ID),
		w.Exact != "" && !strings.EqualFold(prompt, strings.TrimSpace(w.Exact)),
		w.Contains != "" && !containsFold(prompt, w.Contains),
		w.Turn != 0 && w.Turn != v.turn,
		differs(w.ToolResult, len(v.results) > 0),
		differs(w.Schema, wantsJSON(v.req)),
		differs(w.Media, len(v.media) > 0),
		differs(w.Reasoning, thinks(v.req)),
		w.Tool != "" && v.named(w.Tool) == nil,
		w.RelevantTool != nil && *w.RelevantTool != (len(v.relevant()) > 0):
		return nil, false
	}
	groups := map[string]string{}
	if c.regex != nil && !capture(groups, c.regex, prompt, "") {
		return nil, false
	}
	return groups, v.early(w.Rounds, groups) && (w.History == "" || v.remember(w.History, groups))
}

// early reports whether the model called tools fewer times than a template says.
func (v *view) early(rounds string, groups map[string]string) bool {
	if rounds == "" {
		return true
	}
	n, err := strconv.Atoi(v.expand(rounds, groups))
	return err != nil || v.rounds < n
}

// remember looks for the latest earlier user text that matches history, into
// which the groups of the prompt are filled in literally.
func (v *view) remember(history string, groups map[string]string) bool {
	literal := map[string]string{}
	for k, g := range groups {
		literal[k] = regexp.QuoteMeta(g)
	}
	re, err := regexp.Compile(v.expand(history, literal))
	if err != nil {
		return false
	}
	for _, text := range slices.Backward(v.earlier) {
		if capture(groups, re, text, "h") {
			return true
		}
	}
	return false
}

// capture adds the groups of re in text under their numbers (prefixed) and names.
func capture(groups map[string]string, re *regexp.Regexp, text, prefix string) bool {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	for i, name := range re.SubexpNames() {
		groups[fmt.Sprint(prefix, i)] = m[i]
		if name != "" {
			groups[name] = m[i]
		}
	}
	return true
}

// named returns the first callable tool whose name holds part.
func (v *view) named(part string) *model.Tool {
	for i := range v.tools {
		if containsFold(v.tools[i].Name, part) {
			return &v.tools[i]
		}
	}
	return nil
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func differs(want *bool, have bool) bool { return want != nil && *want != have }

func wantsJSON(req *model.Request) bool {
	return req.Format != nil && (req.Format.Kind == model.FormatJSON || req.Format.Kind == model.FormatSchema)
}

// thinks reports whether the request turns thinking on.
func thinks(req *model.Request) bool {
	r := req.Reasoning
	return r != nil && r.Effort != "none" && r.Mode != "disabled" &&
		(r.Effort != "" || r.Mode != "" || r.BudgetTokens > 0 || r.Summary != "")
}
