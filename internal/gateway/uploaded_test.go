package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// holds answers for a tenant's files and counts.
func holds(g *Gateway, tenant string, files map[string]*Uploaded) *int {
	n := new(int)
	g.opts.Files = func(_ context.Context, who identity.Principal, id string, most int) (*Uploaded, error) {
		*n++
		f := files[id]
		if who.Tenant.ID != tenant || f == nil {
			return nil, nil
		}
		if len(f.Data) > most {
			return nil, model.Errorf(model.TooLarge, "file_id", "It is too large.")
		}
		return f, nil
	}
	return n
}

func asking(parts ...model.Part) *model.Request {
	return &model.Request{Messages: []model.Message{{Role: model.RoleUser, Parts: parts}}}
}

func fileOf(id string) *model.Document { return &model.Document{Source: model.Source{FileID: id}} }

// TestUploadedFilesAreSent replaces the caller's own files wherever a request
// can name them, for every upstream, and leaves those it does not know.
func TestUploadedFilesAreSent(t *testing.T) {
	t.Parallel()
	g := &Gateway{}
	n := holds(g, "t1", map[string]*Uploaded{
		"file-a": {Name: "a.md", MIME: "text/markdown", Data: []byte("# A")}, "file-p": {Name: "p", MIME: "application/octet-stream", Data: []byte(png)},
	})
	req := asking(fileOf("file-a"), &model.Image{Source: model.Source{FileID: "file-p"}}, fileOf("file-other"), fileOf("file-p"),
		&model.ToolResult{CallID: "c", Content: []model.Part{fileOf("file-a")}}, picture(wiki))
	m := g.newMedia(&identity.Principal{Tenant: identity.Tenant{ID: "t1"}}, false)
	for range 2 { // as two candidates would
		local, err := m.localize(t.Context(), &Upstream{FetchURLs: FetchPass}, req)
		if err != nil {
			t.Fatal(err)
		}
		parts := local.Messages[0].Parts
		a, other, unnamed := parts[0].(*model.Document), parts[2].(*model.Document), parts[3].(*model.Document)
		if a.Name != "a.md" || a.Source.MIME != "text/markdown" || string(a.Source.Data) != "# A" || a.Source.FileID != "" {
			t.Errorf("the document is %+v", a)
		}
		if s := parts[1].(*model.Image).Source; s.MIME != "image/png" || string(s.Data) != png {
			t.Errorf("the image is %+v", s)
		}
		if other.Source.FileID != "file-other" || unnamed.Source.MIME != "image/png" {
			t.Errorf("the others are %+v and %+v", other, unnamed)
		}
		if inner := parts[4].(*model.ToolResult).Content[0].(*model.Document); string(inner.Source.Data) != "# A" {
			t.Errorf("the result's is %+v", inner)
		}
		if parts[5].(*model.Image).Source.URL != wiki {
			t.Error("an address was not passed on")
		}
	}
	if *n != 3 || fileOf("file-a").Name != "" || req.Messages[0].Parts[0].(*model.Document).Source.FileID != "file-a" {
		t.Errorf("%d files were read, or the request was changed", *n)
	}
	local, err := g.newMedia(&identity.Principal{Tenant: identity.Tenant{ID: "t2"}}, false).localize(t.Context(), &Upstream{FetchURLs: FetchPass}, asking(fileOf("file-a")))
	if err != nil || local.Messages[0].Parts[0].(*model.Document).Source.FileID != "file-a" {
		t.Errorf("another tenant's file: %v", err)
	}
}

func TestUploadedFilesAreBounded(t *testing.T) {
	t.Parallel()
	g := &Gateway{}
	files := map[string]*Uploaded{"file-a": {Name: "a", MIME: "text/plain", Data: []byte("words")}, "file-big": {Data: make([]byte, maxFetchSize)}}
	var many []model.Part
	for i := range maxFetches + 1 {
		many = append(many, fileOf(fmt.Sprint("file-", i)))
	}
	holds(g, "", files)
	for name, c := range map[string]struct {
		req  *model.Request
		want string
	}{
		"not an image":     {asking(&model.Image{Source: model.Source{FileID: "file-a"}}), "does not hold the image"},
		"too many":         {asking(many...), "more than 16 files"},
		"too large in all": {asking(fileOf("file-a"), fileOf("file-big")), "too large"},
	} {
		_, err := g.newMedia(&identity.Principal{}, sizeOf(c.req).plain).localize(t.Context(), &Upstream{FetchURLs: FetchPass}, c.req)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
