package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// Fetching says who fetches the addresses that requests to an upstream name.
// A server of the operator's own reaches the operator's network: a caller that
// could make it fetch would reach that as well.
type Fetching string

// The ways of Fetching. The zero value is FetchEgress.
const (
	// FetchEgress has the gateway fetch them, public ones only, and sends their
	// content instead.
	FetchEgress Fetching = "egress"
	// FetchPass leaves them to the upstream.
	FetchPass Fetching = "pass"
	// FetchNever refuses them.
	FetchNever Fetching = "never"
)

// The bounds of what the gateway fetches for one call, in number, bytes and
// time.
const (
	maxFetches   = 16
	maxFetchSize = 32 << 20
	maxFetchTime = time.Minute
)

// media fetches what one call's request names, once however many candidates
// are asked. It belongs to the call's goroutine.
type media struct {
	fetch func(ctx context.Context, address string) (mime string, data []byte, err error)
	got   map[string]*model.Source
	left  int
	// plain says that no message names anything; lasting that what is older than
	// the last input is not refused.
	plain, lasting bool
	// files reads the caller's uploaded files; nil where there are none.
	files    func(ctx context.Context, id string) (*Uploaded, error)
	uploaded map[string]*Uploaded
}

func (g *Gateway) newMedia(who *identity.Principal, plain bool) *media {
	m := &media{fetch: g.opts.Fetch, left: maxFetchSize, plain: plain, got: map[string]*model.Source{}, uploaded: map[string]*Uploaded{}}
	if g.opts.Files != nil {
		m.files = func(ctx context.Context, id string) (*Uploaded, error) { return g.opts.Files(ctx, *who, id, m.left) }
	}
	return m
}

// localize returns the request as the upstream may see it. req is not modified.
func (m *media) localize(ctx context.Context, u *Upstream, req *model.Request) (*model.Request, error) {
	w := &walk{media: m, upstream: u, pass: u.FetchURLs == FetchPass}
	if w.pass && m.files == nil {
		return req, nil
	}
	if err := w.members(req); err != nil || m.plain {
		return req, err
	}
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithTimeout(ctx, maxFetchTime)
	defer cancel()
	local := *req
	asked := lastInput(req.Messages)
	for i := len(req.Messages) - 1; i >= 0; i-- { // the bounds hold for what is old
		w.old = m.lasting && i < asked
		parts, err := w.parts(req.Messages[i].Parts)
		if err != nil {
			return nil, err
		}
		if !sameParts(parts, req.Messages[i].Parts) {
			if &local.Messages[0] == &req.Messages[0] {
				local.Messages = slices.Clone(req.Messages)
			}
			local.Messages[i].Parts = parts
		}
	}
	return &local, nil
}

// lastInput is the place of the last message of the user's own words.
func lastInput(messages []model.Message) int {
	for i, m := range slices.Backward(messages) {
		if m.Role == model.RoleUser && slices.ContainsFunc(m.Parts, func(p model.Part) bool { _, result := p.(*model.ToolResult); return !result }) {
			return i
		}
	}
	return 0
}

func sameParts(a, b []model.Part) bool { return len(a) == 0 || &a[0] == &b[0] }

// walk is one pass over a request for one upstream.
type walk struct {
	*media
	ctx      context.Context
	upstream *Upstream
	// pass leaves addresses as they are.
	pass bool
	// old says that what cannot be had is told in words.
	old bool
}

// members refuses addresses in what the hub does not model outside of messages.
func (w *walk) members(req *model.Request) error {
	list := []*model.Opaque{req.Extra}
	for i := range req.Tools {
		list = append(list, req.Tools[i].Opaque, req.Tools[i].Extra)
	}
	for _, o := range list {
		if o != nil && !w.pass && namesAddress(o.Raw, false) {
			return addressRefused("")
		}
	}
	return nil
}

// parts returns list itself where nothing in it is replaced.
func (w *walk) parts(list []model.Part) ([]model.Part, error) {
	out := list
	for i, p := range list {
		q, err := w.part(p)
		if err != nil {
			return nil, err
		}
		if q == p {
			continue
		}
		if sameParts(out, list) {
			out = slices.Clone(list)
		}
		out[i] = q
	}
	return out, nil
}

func (w *walk) part(p model.Part) (model.Part, error) {
	switch p := p.(type) {
	case *model.Image:
		return replaced(w, p, &p.Source, "image", func(c *model.Image, s model.Source) { c.Source = s })
	case *model.Audio:
		return replaced(w, p, &p.Source, "audio", func(c *model.Audio, s model.Source) { c.Source = s })
	case *model.Video:
		return replaced(w, p, &p.Source, "video", func(c *model.Video, s model.Source) { c.Source = s })
	case *model.Document:
		if p.Content != nil {
			return nested(w, p, p.Content, func(c *model.Document, parts []model.Part) { c.Content = parts })
		}
		return replaced(w, p, &p.Source, "document", func(c *model.Document, s model.Source) {
			if f := w.uploaded[p.Source.FileID]; f != nil && c.Name == "" {
				c.Name = f.Name
			}
			c.Source = s
		})
	case *model.Guard:
		if p.Image != nil {
			return replaced(w, p, p.Image, "image", func(c *model.Guard, s model.Source) { c.Image = &s })
		}
	case *model.ToolResult:
		if p.Extra != nil && !w.pass && namesAddress(p.Extra.Raw, false) {
			return nil, addressRefused("")
		}
		return nested(w, p, p.Content, func(c *model.ToolResult, parts []model.Part) { c.Content = parts })
	case *model.SearchResult:
		return nested(w, p, p.Content, func(c *model.SearchResult, parts []model.Part) { c.Content = parts })
	case *model.Opaque:
		// Without a type it is no content: what OpenAI's clients echo of a message.
		if !w.pass && gjson.GetBytes(p.Raw, "type").Exists() && namesAddress(p.Raw, true) {
			return nil, addressRefused("")
		}
	}
	return p, nil
}

// pointer is a pointer to a T that is a part.
type pointer[T any] interface {
	*T
	model.Part
}

func nested[T any, P pointer[T]](w *walk, p P, content []model.Part, set func(P, []model.Part)) (model.Part, error) {
	parts, err := w.parts(content)
	if err != nil || sameParts(parts, content) {
		return p, err
	}
	c := *p
	set(&c, parts)
	return P(&c), nil
}

func replaced[T any, P pointer[T]](w *walk, p P, src *model.Source, what string, set func(P, model.Source)) (model.Part, error) {
	local, err := w.local(src, what)
	if err != nil && w.old && lost(err) {
		return &model.Text{Text: "(Here was " + what + " content that is not to be had any more. " + model.AsError(err).Message + ")"}, nil
	}
	if err != nil || local == nil {
		return p, err
	}
	c := *p
	set(&c, *local)
	return P(&c), nil
}

// lost reports whether trying again would not mend the error.
func lost(err error) bool {
	switch model.AsError(err).Kind {
	case model.Invalid, model.NotFound, model.TooLarge, model.Unsupported, model.Forbidden:
		return true
	}
	return false
}

// local is what src names, nil where it stays as it is.
func (w *walk) local(src *model.Source, what string) (*model.Source, error) {
	switch {
	case src.FileID != "" && w.files != nil:
		return w.upload(src.FileID, what)
	case src.URL != "" && !w.pass:
		return w.source(src, what)
	}
	return nil, nil
}

// source fetches what src names and checks that it is what it is said to be.
func (w *walk) source(src *model.Source, what string) (*model.Source, error) {
	if w.upstream.FetchURLs == FetchNever || w.fetch == nil {
		return nil, addressRefused(src.URL)
	}
	if have := w.got[what+" "+src.URL]; have != nil {
		return have, nil
	}
	if len(w.got) >= maxFetches {
		return nil, model.Errorf(model.Invalid, "url", "The request names more than %d addresses to fetch.", maxFetches).
			WithHint("Send the content itself.")
	}
	told, data, err := w.fetch(w.ctx, src.URL)
	if err != nil {
		return nil, unfetched(err, what)
	}
	if w.left -= len(data); w.left < 0 {
		return nil, model.Errorf(model.TooLarge, "url", "What the request's addresses hold is larger than %d bytes together.", maxFetchSize)
	}
	mime, ok := sniff(what, told, data)
	if !ok {
		return nil, model.Errorf(model.Invalid, "url", "The address does not hold the %s that the request says it does.", what).
			WithHint("Check the address, or send the content itself.")
	}
	got := &model.Source{MIME: mime, Data: data}
	w.got[what+" "+src.URL] = got
	return got, nil
}

// unfetched is the caller's error: whatever another server did, it is no
// failure of the upstream's that another candidate could mend.
func unfetched(err error, what string) error {
	e := *model.AsError(err)
	if e.Kind == model.Canceled {
		return &e
	}
	if e.Kind != model.TooLarge {
		e.Kind = model.Invalid
	}
	e.Message = "The " + what + " was not fetched. " + e.Message
	e.RetryAfter = 0
	return &e
}

func addressRefused(address string) error {
	e := model.Errorf(model.Unsupported, "url", "The upstream of this model is not sent addresses to fetch.").
		WithHint("Send the content itself.")
	if address == "" {
		e.Message = "The request names an address where this model's upstream is not sent any."
	}
	return e
}

// sniff tells the media type by the content itself, so that an address cannot
// be used to read what is no medium.
func sniff(what, told string, data []byte) (mime string, ok bool) {
	mime, _, _ = strings.Cut(http.DetectContentType(data), ";")
	told, _, _ = strings.Cut(strings.ToLower(told), ";")
	told = strings.TrimSpace(told)
	switch what {
	case "image":
		return mime, strings.HasPrefix(mime, "image/")
	case "video":
		return mime, strings.HasPrefix(mime, "video/")
	case "audio":
		if mime == "audio/wave" {
			return "audio/wav", true
		}
		if mime == "application/ogg" {
			return "audio/ogg", true
		}
		return mime, strings.HasPrefix(mime, "audio/")
	}
	switch {
	case mime == "application/pdf":
		return mime, true
	case mime == "application/zip": // the office formats
		return told, strings.HasPrefix(told, "application/vnd.")
	case strings.HasPrefix(mime, "text/") && strings.HasPrefix(told, "text/"):
		return told, true
	}
	return mime, strings.HasPrefix(mime, "text/")
}

// schemes begin what a server might fetch.
var schemes = []string{"http:", "https:", "file:", "ftp:", "ftps:", "s3:", "gs:"}

// namesAddress reports whether JSON holds a string that a server might fetch:
// one that begins like an address, where values count, and else one whose
// member's name ends in url.
func namesAddress(raw []byte, values bool) bool {
	d := jsontext.NewDecoder(strings.NewReader(string(raw)))
	var key string
	for {
		t, err := d.ReadToken()
		if err != nil {
			return false // the end; what does not decode was refused before
		}
		if t.Kind() != '"' {
			continue
		}
		if kind, n := d.StackIndex(d.StackDepth()); kind == '{' && n%2 == 1 {
			key = strings.ToLower(t.String())
			continue
		} else if kind != '{' && !values {
			continue
		}
		text := strings.ToLower(strings.TrimSpace(t.String()))
		begins := slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(text, s) })
		if begins && values || strings.HasSuffix(key, "url") && text != "" && !strings.HasPrefix(text, "data:") {
			return true
		}
	}
}
