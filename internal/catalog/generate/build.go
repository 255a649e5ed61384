package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/catalog/table"
)

// geographies are the profile prefixes the price list uses.
var geographies = []string{"us", "eu", "apac", "jp", "au", "us-gov", "global"}

// group is the head of a section of the selection.
type group struct {
	vendor, prefix, family, licence string
	can                             []string
}

func (g group) onBedrock() bool { return g.prefix == "bedrock:" }

// provider is the card list's directory of the group.
func (g group) provider() string {
	if g.onBedrock() {
		return "amazon-bedrock"
	}
	return g.vendor
}

func (g group) key(id string) string {
	if g.onBedrock() {
		return id
	}
	return g.prefix + id
}

func build(dir fs.FS, selection string) (*table.Sheet, error) {
	l, err := open(dir)
	if err != nil {
		return nil, err
	}
	sheet := &table.Sheet{Date: l.date, Source: "models.dev and the litellm price list (both MIT), as of " + l.date}
	var g group
	for n, line := range strings.Split(selection, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			g, err = parseGroup(line)
		default:
			var row table.Row
			row, err = l.row(g, line)
			sheet.Rows = append(sheet.Rows, row)
		}
		if err != nil {
			return nil, fmt.Errorf("selection line %d: %w", n+1, err)
		}
	}
	link(sheet.Rows)
	slices.SortFunc(sheet.Rows, func(a, b table.Row) int { return strings.Compare(a.ID, b.ID) })
	return sheet, nil
}

func parseGroup(line string) (group, error) {
	f := strings.Fields(line[1:])
	if len(f) != 5 {
		return group{}, fmt.Errorf("a group has five fields, this one %d", len(f))
	}
	for i := range f {
		if f[i] == "-" {
			f[i] = ""
		}
	}
	g := group{vendor: f[0], prefix: f[1], family: f[2], licence: strings.ReplaceAll(f[3], "_", " ")}
	if f[4] != "" {
		g.can = strings.Split(f[4], ",")
	}
	return g, nil
}

func (l *lists) row(g group, line string) (table.Row, error) {
	fields := strings.Fields(line)
	r := table.Row{ID: fields[0], Vendor: g.vendor, Family: g.family, Licence: g.licence}
	if len(fields) > 1 && fields[1] != "-" {
		r.Released = fields[1]
	}
	if len(fields) > 2 {
		r.Name = strings.Join(fields[2:], " ")
	}
	d, err := l.describe(g.provider(), r.ID)
	if err != nil {
		return r, err
	}
	if r.Released == "" {
		r.Released = d.Released
	}
	f, err := l.price(g, &r)
	if err != nil {
		return r, err
	}
	l.limits(&r, f, d)
	r.In, r.Out = modalities(f, d)
	r.Can = abilities(f, d, r.In, r.Out, g.can)
	r.Aliases = l.dated(g, r.ID)
	return r, nil
}

// price finds the model's facts and fills its prices and profiles.
func (l *lists) price(g group, r *table.Row) (*fact, error) {
	f := l.facts[g.key(r.ID)]
	var profiles []string
	for _, geography := range geographies {
		if g.onBedrock() && l.facts[geography+"."+r.ID] != nil {
			profiles = append(profiles, geography)
			if f == nil {
				f = l.facts[geography+"."+r.ID]
			}
		}
	}
	if f == nil {
		return nil, fmt.Errorf("%s is in no price list", r.ID)
	}
	if err := prices(r, f); err != nil {
		return nil, fmt.Errorf("%s: %w", r.ID, err)
	}
	for _, geography := range profiles {
		local, err := rates(l.facts[geography+"."+r.ID], "")
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", geography, r.ID, err)
		}
		if r.Geographies == nil {
			r.Geographies = map[string]*table.Rates{}
		}
		if r.Geographies[geography] = nil; r.Rates != nil && local != *r.Rates {
			r.Geographies[geography] = &local
		}
	}
	return f, nil
}

func (l *lists) limits(r *table.Row, f *fact, d described) {
	input, _ := f.MaxInput.Int64()
	output, _ := f.MaxOutput.Int64()
	// Where the lists differ, the smaller one is the older: limits only grow.
	r.Context, r.MaxOutput = max(int(input), d.Limit.Context), max(int(output), d.Limit.Output)
	if f.Mode == "embedding" {
		r.MaxOutput = 0
	}
	r.Dimensions, r.Regions = f.VectorSize, f.Regions
	end, err := time.Parse(time.DateOnly, f.Deprecated)
	now, _ := time.Parse(time.DateOnly, l.date)
	r.Deprecated = d.Status == "deprecated" || err == nil && end.Before(now.AddDate(1, 0, 0))
}

// modalities merges what both lists tell, in the hub's words.
func modalities(f *fact, d described) (in, out []string) {
	add := func(list *[]string, word string, when bool) {
		if when && !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	tells := func(list []string, word string) bool { return slices.Contains(list, word) }
	add(&in, "text", true)
	add(&in, "image", f.is("supports_vision") || f.is("supports_embedding_image_input") || tells(d.Modalities.Input, "image"))
	add(&in, "document", f.is("supports_pdf_input") || tells(d.Modalities.Input, "pdf"))
	add(&in, "audio", f.is("supports_audio_input") || tells(d.Modalities.Input, "audio"))
	add(&in, "video", f.is("supports_video_input") || tells(d.Modalities.Input, "video"))
	if f.Mode == "embedding" {
		return in, []string{"embedding"}
	}
	add(&out, "text", true)
	add(&out, "audio", f.is("supports_audio_output") || tells(d.Modalities.Output, "audio"))
	return in, out
}

func abilities(f *fact, d described, in, out, more []string) []string {
	if f.Mode == "embedding" {
		can := []string{"embeddings"}
		if slices.Contains(in, "image") {
			can = append(can, "image_input")
		}
		return can
	}
	yes := func(p *bool) bool { return p != nil && *p }
	tools := f.is("supports_function_calling") || yes(d.Tools)
	can := []string{"chat", "streaming"}
	for _, a := range []struct {
		word string
		when bool
	}{
		{"tools", tools},
		{"parallel_tools", tools && f.is("supports_parallel_function_calling")},
		{"strict_tools", f.is("bedrock_converse_supports_strict_tools")},
		{"structured_output", f.is("supports_response_schema") || yes(d.Schema)},
		{"reasoning", f.is("supports_reasoning") || yes(d.Reason)},
		{"image_input", slices.Contains(in, "image")},
		{"document_input", slices.Contains(in, "document")},
		{"audio_input", slices.Contains(in, "audio")},
		{"video_input", slices.Contains(in, "video")},
		{"audio_output", slices.Contains(out, "audio")},
		{"prompt_cache", f.is("supports_prompt_caching")},
	} {
		if a.when {
			can = append(can, a.word)
		}
	}
	for _, word := range more {
		if !slices.Contains(can, word) {
			can = append(can, word)
		}
	}
	return can
}

// dated lists the ids of a model's snapshots that cost the same,
// "id-2025-08-07" or "id-20250807", and for a dated id the id without its date.
func (l *lists) dated(g group, id string) []string {
	var aliases []string
	if l.facts[g.key(id)] == nil {
		return nil // known under its profiles only
	}
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(g.key(id)) + `-(\d{4}-\d{2}-\d{2}|\d{8})$`)
	standard, err := rates(l.facts[g.key(id)], "")
	if err != nil {
		return nil
	}
	for key, f := range l.facts {
		if !pattern.MatchString(key) {
			continue
		}
		if same, err := rates(f, ""); err == nil && same == standard {
			aliases = append(aliases, strings.TrimPrefix(key, g.prefix))
		}
	}
	if undated := regexp.MustCompile(`-\d{8}$`).ReplaceAllString(id, ""); undated != id && l.facts[g.key(undated)] != nil {
		aliases = append(aliases, undated)
	}
	slices.Sort(aliases)
	return aliases
}

// link makes the Bedrock id and the vendor's own id of one model aliases of
// each other: "anthropic.claude-x-v1:0" and "claude-x".
func link(rows []table.Row) {
	version := regexp.MustCompile(`-v\d+(:\d+)?$`)
	place := map[string]int{}
	for i := range rows {
		place[rows[i].ID] = i
	}
	for i := range rows {
		own, ok := strings.CutPrefix(rows[i].ID, rows[i].Vendor+".")
		if !ok {
			continue
		}
		if j, ok := place[version.ReplaceAllString(own, "")]; ok {
			rows[i].Aliases = append(append(rows[i].Aliases, rows[j].ID), rows[j].Aliases...)
			rows[j].Aliases = append(rows[j].Aliases, rows[i].ID)
		}
	}
}
