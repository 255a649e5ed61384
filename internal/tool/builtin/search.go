package builtin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// The bounds of a search.
const (
	// searchedBytes is how much text a search reads, newest files first.
	searchedBytes = 64 << 20
	// passageRunes is about how long a passage is; passages overlap by a line.
	passageRunes  = 1200
	shownPassages = 8
	maxPassages   = 50
	// keptHits is how many passages are kept of many while a search goes on.
	keptHits = 1000
	maxTerms = 64
	// searches is how many run at once; others wait for their turn. Together they
	// hold this much of the files that they read, however large these are.
	searches  = 4
	heldBytes = 96 << 20
	// searchTime is how long one may take. Documents that were not read in
	// readingTime of it are left for the next one.
	searchTime  = 30 * time.Second
	readingTime = 20 * time.Second
)

func searchTool(files Files, documents Documents) entry {
	turns, held := make(chan struct{}, searches), newRoom(heldBytes)
	return entry{
		spec: spec("file_search", "Finds passages in the uploaded files by their words and returns the best ones with the files they are from.",
			`{"type":"object","properties":{"query":{"type":"string","description":"The words to look for."},`+
				`"file_ids":{"type":"array","items":{"type":"string"},"description":"Look in these files only."},`+
				`"max_results":{"type":"integer","minimum":1,"maximum":50,"description":"8 when left out."}},`+
				`"required":["query"],"additionalProperties":false}`, searchTime),
		run: func(ctx context.Context, call tool.Call) (tool.Result, error) {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return tool.Result{}, model.AsError(ctx.Err())
			}
			return search(ctx, files, documents, held, call)
		},
	}
}

type searchArguments struct {
	Query   string   `json:"query"`
	FileIDs []string `json:"file_ids"`
	Max     int      `json:"max_results"`
}

// found is a passage as the result shows it.
type found struct {
	FileID string  `json:"file_id"`
	Name   string  `json:"filename"`
	Score  float64 `json:"score"`
	Text   string  `json:"text"`
}

func search(ctx context.Context, files Files, documents Documents, held room, call tool.Call) (tool.Result, error) {
	in, err := arguments[searchArguments](call)
	if err != nil {
		return tool.Result{}, err
	}
	if in.Max <= 0 {
		in.Max = shownPassages
	}
	reading, stop := context.WithTimeout(ctx, readingTime)
	defer stop()
	c := &corpus{terms: map[string]int{}, left: searchedBytes, documents: documents, reading: reading, held: held}
	for w := range words(in.Query) {
		if _, ok := c.terms[string(w)]; !ok && len(c.terms) < maxTerms {
			c.terms[string(w)] = len(c.terms)
		}
	}
	if len(c.terms) == 0 {
		return fail("The query has no words to look for."), nil
	}
	c.with = make([]int, len(c.terms))
	err = files.Each(ctx, call.Tenant, func(f File) error {
		if len(in.FileIDs) > 0 && !slices.Contains(in.FileIDs, f.ID) {
			return nil
		}
		return c.read(ctx, f)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return tool.Result{}, model.AsError(err)
	}
	return c.result(min(in.Max, maxPassages))
}

// errEnough ends a walk over files that hold more than a search reads.
var errEnough = errors.New("builtin: enough was read")

// corpus counts the words of what is searched. It keeps the passages in which
// one of the terms occurs, the best of them where there are many.
type corpus struct {
	// terms are the words looked for, numbered.
	terms map[string]int
	left  int64
	files int
	// unread counts files that hold no text that a search reads, late those that
	// there was no time to read.
	unread, late int
	documents    Documents
	// held has room for the content of files.
	held room
	// reading ends when no more documents should be read.
	reading context.Context
	// passages and words count everything; with counts the passages that hold each term.
	passages, words int
	with            []int
	hits            []hit
	cut             bool
}

// hit is a passage that holds terms, and how often each.
type hit struct {
	file   File
	text   string
	words  int
	counts []int
	score  float64
}

// read adds a file. One that holds no text is passed over.
func (c *corpus) read(ctx context.Context, f File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	document := c.documents != nil && c.documents.Reads(f.MIME)
	if !document && !textual(f.MIME) {
		c.unread++
		return nil
	}
	if f.Size > c.left {
		c.cut = true
		return errEnough
	}
	size := f.Size
	if !document && hypertext(f.MIME) {
		size *= 2 // the text beside the source
	}
	give, err := c.held.take(ctx, size)
	if err != nil {
		return err
	}
	defer give()
	var text string
	var ok bool
	if document {
		text, ok, err = c.document(f)
	} else {
		text, ok, err = c.plain(f)
	}
	if err != nil || !ok {
		return err
	}
	c.files++
	for passage := range passages(text) {
		c.add(f, passage)
	}
	return ctx.Err()
}

// content copies what is read of a file, once.
func (c *corpus) content(f File, to io.Writer) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(to, io.LimitReader(r, c.left))
	c.left -= n
	return err
}

// document is the text of a document. ok is false for one that has none here,
// which is counted.
func (c *corpus) document(f File) (text string, ok bool, err error) {
	var data bytes.Buffer
	data.Grow(int(f.Size) + bytes.MinRead)
	if err := c.content(f, &data); err != nil {
		return "", false, err
	}
	text, err = c.documents.Text(c.reading, f.MIME, data.Bytes())
	switch {
	case err == nil:
		c.left -= int64(max(len(text)-data.Len(), 0)) // documents are packed
	case c.reading.Err() != nil:
		c.late++
	default:
		c.unread++
	}
	return text, err == nil, nil
}

// plain is the text of a file that is text, as document is.
func (c *corpus) plain(f File) (text string, ok bool, err error) {
	var b strings.Builder
	b.Grow(int(f.Size))
	if err := c.content(f, &b); err != nil {
		return "", false, err
	}
	text = b.String()
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		c.unread++
		return "", false, nil
	}
	if hypertext(f.MIME) {
		if _, text, err = plainText(strings.NewReader(text)); err != nil {
			c.unread++
			return "", false, nil
		}
	}
	return text, true, nil
}

func hypertext(kind string) bool {
	kind, _, _ = mime.ParseMediaType(kind)
	return kind == "text/html"
}

// textual reports whether a media type may hold text; unknown ones are looked at.
func textual(kind string) bool {
	kind, _, _ = mime.ParseMediaType(kind)
	top, sub, _ := strings.Cut(kind, "/")
	switch top {
	case "image", "audio", "video", "font":
		return sub == "svg+xml"
	}
	return kind != "application/pdf" && kind != "application/zip" && kind != "application/gzip"
}

func (c *corpus) add(f File, passage string) {
	var counts []int
	n := 0
	for w := range words(passage) {
		n++
		if i, ok := c.terms[string(w)]; ok {
			if counts == nil {
				counts = make([]int, len(c.terms))
			}
			counts[i]++
		}
	}
	c.passages++
	c.words += n
	if counts == nil {
		return
	}
	for i, k := range counts {
		if k > 0 {
			c.with[i]++
		}
	}
	c.hits = append(c.hits, hit{file: f, text: strings.Clone(passage), words: n, counts: counts})
	if len(c.hits) >= 4*keptHits {
		c.rank()
		clear(c.hits[keptHits:])
		c.hits = c.hits[:keptHits]
	}
}

// The parameters of Okapi BM25, as Robertson and Zaragoza give them.
const (
	saturation = 1.2
	lengthBias = 0.75
)

// rank scores and sorts the hits, best first, by what is known so far.
func (c *corpus) rank() {
	mean := float64(c.words) / float64(max(c.passages, 1))
	for i := range c.hits {
		h := &c.hits[i]
		h.score = 0
		for term, k := range h.counts {
			if k == 0 {
				continue
			}
			tf, df := float64(k), float64(c.with[term])
			idf := math.Log(1 + (float64(c.passages)-df+0.5)/(df+0.5))
			h.score += idf * tf * (saturation + 1) / (tf + saturation*(1-lengthBias+lengthBias*float64(h.words)/mean))
		}
	}
	slices.SortStableFunc(c.hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
}

// shown is a score between 0 and 1, as OpenAI's contract has it, in the same order.
func shown(score float64) float64 { return math.Round(score/(1+score)*1000) / 1000 }

func (c *corpus) result(limit int) (tool.Result, error) {
	c.rank()
	out := struct {
		Results []found `json:"results"`
		Files   int     `json:"files_searched"`
		Unread  int     `json:"files_without_text,omitzero"`
		Late    int     `json:"files_not_read_yet,omitzero"`
		Cut     bool    `json:"older_files_left_out,omitzero"`
	}{Results: []found{}, Files: c.files, Unread: c.unread, Late: c.late, Cut: c.cut}
	var b strings.Builder
	for i, h := range c.hits[:min(limit, len(c.hits))] {
		out.Results = append(out.Results, found{h.file.ID, h.file.Name, shown(h.score), h.text})
		fmt.Fprintf(&b, "[%d] %s (%s)\n%s\n\n", i+1, h.file.Name, h.file.ID, h.text)
	}
	if len(out.Results) == 0 {
		fmt.Fprintf(&b, "No passage of %d files holds these words.\n", c.files)
	}
	if c.unread > 0 {
		fmt.Fprintf(&b, "%d files were passed over: no text could be read out of them.\n", c.unread)
	}
	if c.late > 0 {
		fmt.Fprintf(&b, "There was no time to read %d documents yet: search again.\n", c.late)
	}
	if c.cut {
		b.WriteString("Older files were left out: there is more text than a search reads. Name files to look in them.\n")
	}
	return structured(say("%s", strings.TrimSpace(b.String())), out)
}
