package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// timeline is one event for people: when, what, and so many characters of what
// it is about.
func timeline(e journalEvent, most int) string {
	clock := e.At
	if len(clock) > len("2026-01-02T15:04:05.000") {
		clock = strings.Replace(clock[:len("2026-01-02T15:04:05.000")], "T", " ", 1)
	}
	about := clipped(subject(e), most)
	if e.Erased {
		about = "(erased)"
	}
	return strings.TrimRight(fmt.Sprintf("%5d  %s  %-20s %s", e.Seq, clock, e.Type, about), " ")
}

// maxSubject is how much of an event's content a timeline shows.
const maxSubject = 120

// subject is the part of an event that says most about it.
func subject(e journalEvent) string {
	var all map[string]any
	if json.Unmarshal(e.Payload, &all) != nil {
		return ""
	}
	if e.Type == "response.stored" {
		return e.Label + " “" + strings.Join(spoken(all["input"]), " ") + "” “" + strings.Join(spoken(all["response"]), " ") + "”"
	}
	var words []string
	for _, name := range []string{"thread", "turn", "status", "code", "reason", "call", "server", "key", "attempt", "request", "decision", "by", "name", "model", "stop", "error"} {
		switch v := all[name].(type) {
		case string:
			words = append(words, name+"="+v)
		case float64:
			words = append(words, fmt.Sprintf("%s=%.0f", name, v))
		}
	}
	for _, name := range []string{"message", "messages", "output", "content", "partial", "summary", "tools"} {
		if v, there := all[name]; there {
			if said := strings.Join(texts(v), " "); said != "" {
				words = append(words, "“"+said+"”")
			}
		}
	}
	return strings.Join(words, " ")
}

// texts finds what was said in a value: its texts, and the calls it makes.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, texts(one)...)
		}
		return all
	case map[string]any:
		if v["t"] == "tool_call" {
			if call, ok := v["v"].(map[string]any); ok {
				return []string{fmt.Sprintf("→ %v(%v)", call["Name"], call["Arguments"])}
			}
		}
		var all []string
		for _, name := range []string{"Parts", "v", "Text", "Content", "name"} {
			all = append(all, texts(v[name])...)
		}
		return all
	}
	return nil
}

// spoken finds what was said in items of the Responses contract, and the calls
// made in them.
func spoken(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, spoken(one)...)
		}
		return all
	case map[string]any:
		if v["type"] == "function_call" {
			return []string{fmt.Sprintf("→ %v(%v)", v["name"], v["arguments"])}
		}
		var all []string
		for _, name := range []string{"content", "summary", "output", "refusal"} {
			all = append(all, spoken(v[name])...)
		}
		if text, ok := v["text"].(string); ok { // else how a response was to be written
			all = append(all, text)
		}
		return all
	}
	return nil
}

// harmless is text for a terminal: whoever wrote it must not steer that.
func harmless(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clip shortens text to a line and shows what would not print.
func clip(text string) string { return clipped(text, maxSubject) }

// clipped is clip to so many characters.
func clipped(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			return b.String() + "…"
		}
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
