package main

import (
	"fmt"
	"slices"
	"strings"
)

// cell is the outcomes of one client and case.
type cell struct {
	ok bool
	na string
}

// client is one SDK's column.
type client struct {
	name, version string
	cells         map[string]*cell
}

const head = `# Compatibility

The official clients, unmodified, driven against the built server by the tests
in ` + "`conformance/`" + `. This file is generated: ` + "`make conformance`" + ` fails when it
differs from what the run gives, and ` + "`CRATON_UPDATE_GOLDEN=1 make conformance`" + `
renews it.

✓ works, ✗ fails, – is not there in that client, in its contract or on this
server (the reasons are listed below the table), blank: not tested.
`

// render returns the document and what failed, each "client: case".
func render(all []outcome) (doc string, failed []string) {
	clients := columns(all)
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n## Clients\n\n| | client | version |\n|---|---|---|\n")
	for i, c := range clients {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", letter(i), escape(c.name), escape(c.version))
	}
	b.WriteString("\n## What works\n\n|")
	for i := range clients {
		b.WriteString(" | " + letter(i))
	}
	b.WriteString(" |\n|---" + strings.Repeat("|:-:", len(clients)) + "|\n")
	for _, name := range cases {
		b.WriteString("| " + escape(name))
		for _, c := range clients {
			b.WriteString(" | " + c.cells[name].mark())
		}
		b.WriteString(" |\n")
	}
	for i, c := range clients {
		further(&b, letter(i), c)
		for _, name := range c.names() {
			if !c.cells[name].ok {
				failed = append(failed, c.name+": "+name)
			}
		}
	}
	return b.String(), failed
}

// further lists what one client was asked beyond the matrix, and what it cannot do.
func further(b *strings.Builder, letter string, c *client) {
	var lines []string
	for _, name := range c.names() {
		switch at := c.cells[name]; {
		case at.na != "":
			lines = append(lines, fmt.Sprintf("- – %s: %s\n", name, at.na))
		case !slices.Contains(cases, name):
			lines = append(lines, fmt.Sprintf("- %s %s\n", at.mark(), name))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n### %s: %s\n\n%s", letter, c.name, strings.Join(lines, ""))
	}
}

// columns gathers the outcomes by client, sorted by name.
func columns(all []outcome) []*client {
	by := map[string]*client{}
	var list []*client
	for _, o := range all {
		c := by[o.SDK]
		if c == nil {
			c = &client{name: o.SDK, version: o.Version, cells: map[string]*cell{}}
			by[o.SDK], list = c, append(list, c)
		}
		at := c.cells[o.Case]
		if at == nil {
			at = &cell{ok: true}
			c.cells[o.Case] = at
		}
		at.ok = at.ok && o.OK
		if o.NA != "" {
			at.na = o.NA
		}
	}
	slices.SortFunc(list, func(a, b *client) int { return strings.Compare(a.name, b.name) })
	return list
}

// names lists the client's cases: those of the matrix in its order, then the others.
func (c *client) names() []string {
	var known, other []string
	for _, name := range cases {
		if c.cells[name] != nil {
			known = append(known, name)
		}
	}
	for name := range c.cells {
		if !slices.Contains(cases, name) {
			other = append(other, name)
		}
	}
	slices.Sort(other)
	return append(known, other...)
}

func (c *cell) mark() string {
	switch {
	case c == nil:
		return ""
	case !c.ok:
		return "✗"
	case c.na != "":
		return "–"
	}
	return "✓"
}

// letter names a column: A, B, … Z, AA.
func letter(i int) string {
	if i >= 26 {
		return letter(i/26-1) + letter(i%26)
	}
	return string(rune('A' + i))
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
