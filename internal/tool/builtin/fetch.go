package builtin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// The bounds of a page.
const (
	maxPage  = 4 << 20
	maxImage = 4 << 20
	// shownText is how much of a page one call shows, and the most it may ask for.
	shownText    = 20_000
	maxShownText = 100_000
)

// fetcher reads pages of allowed hosts.
type fetcher struct {
	client *http.Client
	allow  []string
}

func fetchTool(client *http.Client, allow []string) entry {
	f := &fetcher{allow: allow}
	c := *client
	follow := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := f.admit(req.URL); err != nil {
			return err
		}
		if follow != nil {
			return follow(req, via)
		}
		return nil
	}
	c.Jar = nil
	f.client = &c
	return entry{
		spec: spec("fetch", "Reads a page, text or image at an address. Pages come as plain text. A long text comes in parts: ask on with offset.",
			`{"type":"object","properties":{"url":{"type":"string","description":"An https address."},`+
				`"offset":{"type":"integer","minimum":0,"description":"Where in the text to begin, in characters."},`+
				`"length":{"type":"integer","minimum":1,"maximum":100000,"description":"How much of the text to show; 20000 when left out."}},`+
				`"required":["url"],"additionalProperties":false}`, 30*time.Second),
		run: f.run,
	}
}

// admit refuses hosts that are not on the operator's list.
func (f *fetcher) admit(u *url.URL) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	for _, a := range f.allow {
		a = strings.ToLower(strings.TrimSuffix(a, "."))
		if a == "*" || a == host || strings.HasPrefix(a, ".") && strings.HasSuffix(host, a) {
			return nil
		}
	}
	return &model.Error{Kind: model.Forbidden, Op: "builtin.fetch", Subject: "url",
		Message: fmt.Sprintf("The server does not read pages of %q.", host), Hint: "The operator allows hosts with tools.fetch.allow."}
}

type fetchArguments struct {
	URL    string `json:"url"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
}

func (f *fetcher) run(ctx context.Context, call tool.Call) (tool.Result, error) {
	in, err := arguments[fetchArguments](call)
	if err != nil {
		return tool.Result{}, err
	}
	if in.Length <= 0 {
		in.Length = shownText
	}
	in.Length, in.Offset = min(in.Length, maxShownText), max(in.Offset, 0)
	got, err := f.get(ctx, in.URL)
	if err != nil {
		e := egress.AsError(err)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return tool.Result{}, e
		}
		return fail("%s", e.Public()), nil
	}
	return got.result(in)
}

// document is what an address holds.
type document struct {
	address string // after redirects
	mime    string
	data    []byte
}

func (f *fetcher) get(ctx context.Context, address string) (*document, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, model.Errorf(model.Invalid, "url", "The address is not a URL.")
	}
	if err := f.admit(u); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, model.Errorf(model.Invalid, "url", "The address is not a URL.")
	}
	req.Header.Set("User-Agent", "craton")
	req.Header.Set("Accept", "text/html, text/*;q=0.9, application/json;q=0.9, image/*;q=0.5, */*;q=0.1")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, model.Errorf(model.Invalid, "url", "The address answered with status %d %s.", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPage {
		return nil, model.Errorf(model.TooLarge, "url", "What the address holds is larger than %d MiB.", maxPage>>20)
	}
	kind := resp.Header.Get("Content-Type")
	if kind == "" {
		kind = http.DetectContentType(data)
	}
	return &document{address: resp.Request.URL.String(), mime: kind, data: data}, nil
}

// result shows a document as what it is.
func (d *document) result(in fetchArguments) (tool.Result, error) {
	kind, _, err := mime.ParseMediaType(d.mime)
	if err != nil {
		kind = "application/octet-stream"
	}
	switch {
	case kind == "image/png" || kind == "image/jpeg" || kind == "image/gif" || kind == "image/webp":
		if len(d.data) > maxImage {
			return fail("The image is larger than %d MiB.", maxImage>>20), nil
		}
		return tool.Result{Content: []model.Part{&model.Image{Source: model.Source{MIME: kind, Data: d.data}}}}, nil
	case kind == "text/html" || kind == "application/xhtml+xml":
		title, text, err := plainText(d.decoded())
		if err != nil {
			return fail("The page cannot be read."), nil
		}
		return d.show(title, text, in)
	case strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/xml" || kind == "application/yaml" ||
		strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") || kind == "application/javascript":
		text, err := io.ReadAll(d.decoded())
		if err != nil {
			return fail("The text cannot be read."), nil
		}
		return d.show("", string(text), in)
	}
	return fail("The address holds %s, which is neither text nor an image.", kind), nil
}

// decoded reads the document as UTF-8.
func (d *document) decoded() io.Reader {
	r, err := charset.NewReader(bytes.NewReader(d.data), d.mime)
	if err != nil {
		return bytes.NewReader(d.data)
	}
	return r
}

// show gives the part of a text that was asked for.
func (d *document) show(title, text string, in fetchArguments) (tool.Result, error) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	total := utf8.RuneCountInString(text)
	part := text
	if in.Offset > 0 || total > in.Length {
		runes := []rune(text)
		from := min(in.Offset, total)
		part = string(runes[from:min(total, from+in.Length)])
	}
	out := struct {
		URL   string `json:"url"`
		Title string `json:"title,omitzero"`
		Text  string `json:"text"`
		Total int    `json:"total_characters"`
		Next  int    `json:"next_offset,omitzero"`
	}{URL: d.address, Title: title, Text: part, Total: total}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.address)
	if title != "" {
		fmt.Fprintf(&b, "%s\n", title)
	}
	fmt.Fprintf(&b, "\n%s", part)
	if end := in.Offset + in.Length; end < total {
		out.Next = end
		fmt.Fprintf(&b, "\n\n[%d of %d characters; ask on with offset %d]", utf8.RuneCountInString(part), total, end)
	}
	return structured(say("%s", b.String()), out)
}
