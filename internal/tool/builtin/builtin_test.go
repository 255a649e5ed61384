package builtin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// use calls one tool of a registry.
func use(t *testing.T, cfg builtin.Config, name, tenant string, in any) (tool.Result, error) {
	t.Helper()
	s, err := builtin.New(cfg).Source("")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return s.Call(t.Context(), tool.Call{Name: name, Tenant: tenant, Arguments: raw})
}

func text(r tool.Result) string {
	var b strings.Builder
	for _, p := range r.Content {
		if x, ok := p.(*model.Text); ok {
			b.WriteString(x.Text)
		}
	}
	return b.String()
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	full := builtin.New(builtin.Config{Now: time.Now, Client: http.DefaultClient, Allow: []string{"*"}, Files: library{}})
	s, err := full.Source("")
	if err != nil {
		t.Fatal(err)
	}
	specs, err := s.List(t.Context())
	var names []string
	for _, spec := range specs {
		names = append(names, spec.Name)
		var schema struct{ Type string }
		if json.Unmarshal(spec.Parameters, &schema) != nil || schema.Type != "object" || spec.Class != tool.Read || spec.Timeout <= 0 || spec.Description == "" {
			t.Errorf("%s is badly described: %+v", spec.Name, spec)
		}
	}
	if got := strings.Join(names, " "); err != nil || got != "current_time calculator fetch file_search" {
		t.Errorf("got %s, %v", got, err)
	}
	one, err := full.Source("calculator")
	if err != nil {
		t.Fatal(err)
	}
	if specs, _ := one.List(t.Context()); len(specs) != 1 {
		t.Errorf("a subset of one lists %d", len(specs))
	}
	if _, err := one.Call(t.Context(), tool.Call{Name: "fetch"}); model.AsError(err).Kind != model.NotFound {
		t.Errorf("a tool outside the subset: %v", err)
	}
	if _, err := builtin.New(builtin.Config{}).Source("fetch"); model.AsError(err).Kind != model.NotFound || !tool.IsNotSent(err) {
		t.Errorf("a tool whose needs are not met: %v", err)
	}
	if _, err := one.Call(t.Context(), tool.Call{Name: "calculator", Arguments: []byte(`{"expr":"1"}`)}); model.AsError(err).Kind != model.Invalid {
		t.Errorf("arguments of another shape: %v", err)
	}
}

func TestCurrentTime(t *testing.T) {
	t.Parallel()
	cfg := builtin.Config{Now: func() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }}
	for zone, want := range map[string]string{
		"": "2026-07-01T12:00:00Z (Wednesday, UTC)", "Europe/Berlin": "2026-07-01T14:00:00+02:00 (Wednesday, Europe/Berlin)",
		"Pacific/Kiritimati": "2026-07-02T02:00:00+14:00 (Thursday, Pacific/Kiritimati)",
	} {
		if r, err := use(t, cfg, "current_time", "", map[string]string{"timezone": zone}); err != nil || r.Error || text(r) != want {
			t.Errorf("%q: got %q, %v", zone, text(r), err)
		}
	}
	for _, zone := range []string{"Mars/Olympus", "../../etc/passwd", "Local"} {
		if r, err := use(t, cfg, "current_time", "", map[string]string{"timezone": zone}); err != nil || !r.Error {
			t.Errorf("%q: got %q, %v", zone, text(r), err)
		}
	}
}

func TestCalculator(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"1+2*3": "7", "(1+2)*3": "9", "0.1+0.2": "0.3", "-2^2": "-4", "2^3^2": "512", "2**-1": "0.5", "10 % 4": "2", "-7 % 3": "2",
		"1/3":              "0.333333333333333333333333333333 (rounded; exactly 1/3)",
		"1/3*3":            "1",
		"2^64":             "18446744073709551616",
		"20!":              "2432902008176640000",
		"1_000.5e-3":       "1.0005",
		"2e3":              "2000",
		"2*e":              "5.43656365691809047072057494271 (rounded)",
		"sqrt(2)":          "1.41421356237309504880168872421 (rounded)",
		"sqrt(9/4)":        "1.5",
		"round(2.5)":       "3",
		"round(-2.345, 2)": "-2.35",
		"round(1234,-2)":   "1200",
		"floor(-1.5)":      "-2", "ceil(-1.5)": "-1", "trunc(-1.5)": "-1", "abs(-3)": "3",
		"max(1, 2.5, -3)": "2.5", "avg(1,2,3,4)": "2.5", "gcd(12, 18)": "6", "lcm(4,6)": "12",
		"sin(0)": "0 (rounded)", "log(1000)": "3 (rounded)", "log(8, 2)": "3 (rounded)", "2^0.5": "1.4142135623731 (rounded)",
		"× 2": "", "3 × 4 ÷ 2 − 1": "5", "π": "3.14159265358979323846264338328 (rounded)", "0^0": "1", "1^99999999999": "1", "(-1)^3": "-1",
		"123456789012345678901234567890 * 987654321098765432109876543210": "121932631137021795226185032733622923332237463801111263526900",
	} {
		r, err := use(t, builtin.Config{}, "calculator", "", map[string]string{"expression": expression})
		if err != nil || r.Error != (want == "") || want != "" && text(r) != want {
			t.Errorf("%s: got %q, %v, want %q", expression, text(r), err, want)
		}
	}
	for _, expression := range []string{
		"", "1+", "1 2", "(1", "1)", "1/0", "5%0", "0^-1", "sqrt(-1)", "ln(-1)", "(-8)^(1/3)", "1.5!", "foo(1)", "x", "sin", "sin()", "abs(1,2)", "1..2", ".",
		"9^9^9", "1e99999", "1e999999999999999999999", "99999!", "2^40000", "10^10^10", "exp(99999)", "gcd(1.5, 2)", "round(1, 1e9)",
		strings.Repeat("(", 5000), strings.Repeat("(", 500) + "1", strings.Repeat("2^", 500) + "2", strings.Repeat("-", 3000), "\x00", "'; drop",
	} {
		r, err := use(t, builtin.Config{}, "calculator", "", map[string]string{"expression": expression})
		if err != nil || !r.Error || text(r) == "" {
			t.Errorf("%.20s: got %q, %v, want it refused", expression, text(r), err)
		}
	}
}

func FuzzCalculator(f *testing.F) {
	for _, s := range []string{"1+2", "sqrt(2)^3!", "round(1/3, 2)", "-(-1)%3"} {
		f.Add(s)
	}
	source, _ := builtin.New(builtin.Config{}).Source("calculator")
	f.Fuzz(func(t *testing.T, expression string) {
		raw, _ := json.Marshal(map[string]string{"expression": expression})
		r, err := source.Call(t.Context(), tool.Call{Name: "calculator", Arguments: raw})
		if err == nil && text(r) == "" {
			t.Errorf("%q has no answer", expression)
		}
	})
}

// site is a server on loopback and a client that may reach it.
func site(t *testing.T, h http.Handler) (string, *http.Client) {
	t.Helper()
	s := httptest.NewServer(h)
	c := egress.New(egress.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
	t.Cleanup(func() { c.CloseIdleConnections(); s.Close() })
	return s.URL, c
}

func TestFetch(t *testing.T) {
	t.Parallel()
	pages := map[string][2]string{
		"/page": {"text/html; charset=utf-8", `<!doctype html><title>Cats &amp; dogs</title><style>p{}</style><script>alert("x")</script>
			<h1>Animals</h1><p>The <b>cat</b> sat
			on <a href="https://example.com/mat">the mat</a>.</p><ul><li>one</li><li>two</li></ul><pre>a  b
c</pre><noscript>no</noscript>`},
		"/latin": {"text/html; charset=iso-8859-1", "<p>caf\xe9</p>"},
		"/json":  {"application/json", `{"a":1}`},
		"/png":   {"image/png", "\x89PNG"},
		"/bin":   {"application/octet-stream", "\x00\x01"},
		"/long":  {"text/plain", strings.Repeat("é", 30000)},
		"/huge":  {"text/plain", strings.Repeat("x", 5<<20)},
	}
	at, client := site(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p, ok := pages[r.URL.Path]; {
		case ok:
			w.Header().Set("Content-Type", p[0])
			_, _ = io.WriteString(w, p[1])
		case r.URL.Path == "/away":
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	cfg := builtin.Config{Client: client, Allow: []string{"127.0.0.1", ".docs.example"}}
	get := func(path string, more ...any) tool.Result {
		in := map[string]any{"url": at + path}
		for i := 0; i+1 < len(more); i += 2 {
			in[more[i].(string)] = more[i+1]
		}
		r, err := use(t, cfg, "fetch", "", in)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return r
	}
	want := at + "/page\nCats & dogs\n\nAnimals\n\nThe cat sat on the mat (https://example.com/mat).\n\n- one\n- two\n\na  b\nc"
	if r := get("/page"); r.Error || text(r) != want {
		t.Errorf("got %q, want %q", text(r), want)
	}
	if r := get("/latin"); !strings.Contains(text(r), "café") {
		t.Errorf("another character set: %q", text(r))
	}
	if r := get("/json"); !strings.HasSuffix(text(r), `{"a":1}`) {
		t.Errorf("JSON: %q", text(r))
	}
	if r := get("/png"); len(r.Content) != 1 || r.Content[0].(*model.Image).Source.MIME != "image/png" {
		t.Errorf("an image: %+v", r)
	}
	var part struct {
		Text string
		Next int `json:"next_offset"`
	}
	if r := get("/long", "offset", 25000, "length", 10); json.Unmarshal(r.Structured, &part) != nil || part.Text != strings.Repeat("é", 10) || part.Next != 25010 {
		t.Errorf("a part of a long text: %+v", part)
	}
	for _, path := range []string{"/bin", "/huge", "/none", "/away"} {
		if r := get(path); !r.Error || text(r) == "" {
			t.Errorf("%s: got %q, want it refused", path, text(r))
		}
	}
	for _, address := range []string{"https://elsewhere.example/", "https://docs.example/", "file:///etc/passwd", "://", "http://169.254.169.254/"} {
		if r, err := use(t, cfg, "fetch", "", map[string]any{"url": address}); err != nil || !r.Error {
			t.Errorf("%s: got %q, %v", address, text(r), err)
		}
	}
	cfg.Allow = []string{"*"}
	if r, err := use(t, cfg, "fetch", "", map[string]any{"url": "https://169.254.169.254/"}); err != nil || !r.Error || !strings.Contains(text(r), "not a public one") {
		t.Errorf("egress is passed by: %q, %v", text(r), err)
	}
}

// library holds files by tenant.
type library map[string][]builtin.File

func (l library) Each(_ context.Context, tenant string, fn func(builtin.File) error) error {
	for _, f := range l[tenant] {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

func file(id, name, kind, content string) builtin.File {
	return builtin.File{ID: id, Name: name, MIME: kind, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// papers reads documents that begin with a word of their own.
type papers struct{}

func (papers) Reads(kind string) bool { return kind == "application/pdf" }

func (papers) Text(_ context.Context, _ string, data []byte) (string, error) {
	text, ok := strings.CutPrefix(string(data), "%PDF")
	if !ok {
		return "", model.Errorf(model.Invalid, "", "no PDF")
	}
	return text, nil
}

func TestFileSearchReadsDocuments(t *testing.T) {
	t.Parallel()
	files := library{"acme": {
		file("file-1", "a.pdf", "application/pdf", "%PDF The pump has a warranty."),
		file("file-2", "b.pdf", "application/pdf", "broken, though it says warranty"),
		file("file-3", "c.zip", "application/zip", "warranty"),
	}}
	for name, c := range map[string]struct {
		documents builtin.Documents
		want      []string
	}{
		"with a reader":    {papers{}, []string{"a.pdf (file-1)\nThe pump", "2 files were passed over"}},
		"without a reader": {nil, []string{"No passage of 0 files", "3 files were passed over"}},
	} {
		got, err := use(t, builtin.Config{Files: files, Documents: c.documents}, "file_search", "acme", map[string]any{"query": "warranty"})
		for _, want := range c.want {
			if err != nil || !strings.Contains(text(got), want) {
				t.Errorf("%s: got %q, %v, want %q", name, text(got), err, want)
			}
		}
	}
}

// packed reads documents that hold far more text than they are long.
type packed struct{ papers }

func (packed) Text(context.Context, string, []byte) (string, error) {
	return "warranty" + strings.Repeat("\n", 16<<20), nil
}

// TestFileSearchCountsWhatItReads: what a document unpacks to counts, or a few
// small ones would be more text than any search reads.
func TestFileSearchCountsWhatItReads(t *testing.T) {
	t.Parallel()
	var files []builtin.File
	for i := range 10 {
		files = append(files, file(fmt.Sprintf("file-%d", i), "a.pdf", "application/pdf", "small"))
	}
	got, err := use(t, builtin.Config{Files: library{"acme": files}, Documents: packed{}}, "file_search", "acme", map[string]any{"query": "warranty"})
	if err != nil || !strings.Contains(text(got), "file-3") || strings.Contains(text(got), "file-4") || !strings.Contains(text(got), "left out") {
		t.Errorf("got %q, %v", text(got), err)
	}
}

func TestFileSearch(t *testing.T) {
	t.Parallel()
	var long strings.Builder
	for i := range 500 {
		fmt.Fprintf(&long, "Line %d speaks of nothing in particular, at some length and without end.\n", i)
	}
	fmt.Fprintln(&long, "The warranty of the pump lasts seven years.")
	cfg := builtin.Config{Files: library{
		"acme": {
			file("file-1", "manual.md", "text/markdown", "# Pump\nThe pump moves water.\n"), file("file-2", "long.txt", "text/plain", long.String()),
			file("file-3", "page.html", "text/html", "<p>Pumpen haben <b>Garantie</b>.</p>"), file("file-4", "photo.png", "image/png", "warranty"),
			file("file-5", "binary", "", "warranty\x00\x01"), file("file-6", "cn.txt", "text/plain", "水泵保修七年"),
		},
		"umbrella": {file("file-9", "secret.txt", "text/plain", "The warranty is secret.")},
	}}
	type results struct {
		Results []struct {
			ID   string `json:"file_id"`
			Text string
		}
		Files  int `json:"files_searched"`
		Unread int `json:"files_without_text"`
	}
	ask := func(in map[string]any) (got results) {
		r, err := use(t, cfg, "file_search", "acme", in)
		if err != nil || r.Error || json.Unmarshal(r.Structured, &got) != nil || text(r) == "" {
			t.Errorf("%v: %+v, %v", in, r, err)
		}
		return got
	}
	if got := ask(map[string]any{"query": "WARRANTY of the pump?"}); len(got.Results) < 2 || got.Results[0].ID != "file-2" ||
		!strings.Contains(got.Results[0].Text, "seven years") || len(got.Results[0].Text) > 1500 || got.Files != 4 || got.Unread != 2 {
		t.Errorf("got %+v", got)
	}
	if got := ask(map[string]any{"query": "garantie"}); len(got.Results) != 1 || got.Results[0].ID != "file-3" {
		t.Errorf("in a page: %+v", got)
	}
	if got := ask(map[string]any{"query": "保修"}); len(got.Results) != 1 || got.Results[0].ID != "file-6" {
		t.Errorf("in Chinese: %+v", got)
	}
	if got := ask(map[string]any{"query": "pump", "file_ids": []string{"file-1", "file-9"}}); len(got.Results) != 1 || got.Results[0].ID != "file-1" {
		t.Errorf("in named files: %+v", got)
	}
	if got := ask(map[string]any{"query": "secret"}); len(got.Results) != 0 {
		t.Errorf("another tenant's file is found: %+v", got)
	}
	if got := ask(map[string]any{"query": "line", "max_results": 3}); len(got.Results) != 3 {
		t.Errorf("got %d results, want 3", len(got.Results))
	}
	if r, err := use(t, cfg, "file_search", "acme", map[string]any{"query": "?!"}); err != nil || !r.Error {
		t.Errorf("a query without words: %q, %v", text(r), err)
	}
}

func TestFileSearchEnds(t *testing.T) {
	t.Parallel()
	read := 0
	endless := builtin.File{ID: "file-1", Name: "a", Size: 65 << 20, Open: func() (io.ReadCloser, error) {
		read++
		return io.NopCloser(strings.NewReader("")), nil
	}}
	cfg := builtin.Config{Files: library{"acme": {file("file-0", "b", "text/plain", "apple"), endless, endless}}}
	r, err := use(t, cfg, "file_search", "acme", map[string]any{"query": "apple"})
	if err != nil || read != 0 || !strings.Contains(text(r), "left out") || !strings.Contains(text(r), "file-0") {
		t.Errorf("got %q, %v after %d reads", text(r), err, read)
	}
}
