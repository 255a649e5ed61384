package gateway

import (
	"context"
	"testing"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

const (
	png  = "\x89PNG\r\n\x1a\n0000"
	wiki = "https://example.com/a.png"
)

func picture(url string) *model.Image { return &model.Image{Source: model.Source{URL: url}} }

// fetches answers by address and counts.
func fetches(g *Gateway, content map[string]string) *int {
	n := new(int)
	g.opts.Fetch = func(_ context.Context, address string) (string, []byte, error) {
		*n++
		if body, ok := content[address]; ok {
			return "text/plain; charset=utf-8", []byte(body), nil
		}
		return "", nil, model.Errorf(model.UpstreamDown, "url", "The address cannot be reached.")
	}
	return n
}

// TestMediaAreFetched puts addresses wherever a request can hold them.
func TestMediaAreFetched(t *testing.T) {
	t.Parallel()
	g := &Gateway{}
	n := fetches(g, map[string]string{wiki: png, "https://example.com/a.txt": "plain words"})
	own := &model.Text{Text: "https://example.com is a site"}
	req := &model.Request{Messages: []model.Message{model.SystemText("x"), {Role: model.RoleUser, Parts: []model.Part{
		own, picture(wiki),
		&model.ToolResult{CallID: "c", Content: []model.Part{picture(wiki)}},
		&model.Document{Source: model.Source{URL: "https://example.com/a.txt"}},
		&model.Document{Content: []model.Part{picture(wiki)}},
		&model.Guard{Image: &model.Source{URL: wiki}},
		&model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"message":{"annotations":[{"url":"https://example.com"}]}}`)},
	}}}}
	m := g.newMedia(&identity.Principal{}, false)
	for range 2 { // as two candidates would
		local, err := m.localize(t.Context(), &Upstream{}, req)
		if err != nil {
			t.Fatal(err)
		}
		parts := local.Messages[1].Parts
		got := []model.Source{parts[1].(*model.Image).Source, parts[2].(*model.ToolResult).Content[0].(*model.Image).Source,
			parts[4].(*model.Document).Content[0].(*model.Image).Source, *parts[5].(*model.Guard).Image}
		for i, s := range got {
			if s.URL != "" || s.MIME != "image/png" || string(s.Data) != png {
				t.Errorf("source %d is %+v", i, s)
			}
		}
		if d := parts[3].(*model.Document).Source; d.URL != "" || d.MIME != "text/plain" || string(d.Data) != "plain words" {
			t.Errorf("the document is %+v", d)
		}
		if parts[0] != model.Part(own) {
			t.Error("text was touched")
		}
	}
	if *n != 2 {
		t.Errorf("%d fetches of two addresses", *n)
	}
	if req.Messages[1].Parts[1].(*model.Image).Source.URL != wiki {
		t.Error("the caller's request was modified")
	}
	if same, err := m.localize(t.Context(), &Upstream{FetchURLs: FetchPass}, req); err != nil || same != req {
		t.Error("an upstream that fetches itself did not get the request as it is", err)
	}
}

// TestMediaAreRefused names what must reach no upstream of the operator's own.
func TestMediaAreRefused(t *testing.T) {
	t.Parallel()
	opaque := func(raw string) model.Part { return &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(raw)} }
	many := make([]model.Part, maxFetches+1)
	content := map[string]string{wiki: "<html>secret</html>"}
	for i := range many {
		address := wiki + string(rune('a'+i))
		content[address], many[i] = png, picture(address)
	}
	for name, c := range map[string]struct {
		policy Fetching
		parts  []model.Part
		extra  string
		kind   model.Kind
	}{
		"never":         {policy: FetchNever, parts: []model.Part{picture(wiki)}, kind: model.Unsupported},
		"no picture":    {parts: []model.Part{picture(wiki)}, kind: model.Invalid},
		"unreachable":   {parts: []model.Part{picture("https://example.com/none")}, kind: model.Invalid},
		"too many":      {parts: many, kind: model.Invalid},
		"unknown part":  {parts: []model.Part{opaque(`{"type":"video_url","video_url":{"url":"http:\/\/10.0.0.1/"}}`)}, kind: model.Unsupported},
		"unknown value": {parts: []model.Part{opaque(`{"type":"image","image":"\u0068ttp://10.0.0.1/"}`)}, kind: model.Unsupported},
		"a file":        {parts: []model.Part{opaque(`{"type":"x","x":[" FILE:///etc/passwd"]}`)}, kind: model.Unsupported},
		"extra member":  {extra: `{"messages":[{"content":[{"image_url":{"url":"//10.0.0.1/"}}]}]}`, kind: model.Unsupported},
	} {
		g := &Gateway{}
		fetches(g, content)
		req := &model.Request{Messages: []model.Message{{Role: model.RoleUser, Parts: c.parts}}}
		if c.extra != "" {
			req.Extra = &model.Opaque{Raw: []byte(c.extra)}
		}
		_, err := g.newMedia(&identity.Principal{}, sizeOf(req).plain).localize(t.Context(), &Upstream{FetchURLs: c.policy}, req)
		if e := model.AsError(err); e == nil || e.Kind != c.kind {
			t.Errorf("%s: got %v, want kind %v", name, err, c.kind)
		}
	}
}

// TestLastingConversations: what was said long ago, and cannot be had any more
// or is too much, is no reason to refuse what is said now.
func TestLastingConversations(t *testing.T) {
	t.Parallel()
	content := map[string]string{wiki: png}
	req := &model.Request{Messages: []model.Message{{Role: model.RoleUser, Parts: []model.Part{picture("https://example.com/gone")}}}}
	for i := range maxFetches + 3 {
		address := wiki + string(rune('a'+i))
		content[address] = png
		req.Messages = append(req.Messages, model.AssistantText("ok"), model.Message{Role: model.RoleUser, Parts: []model.Part{picture(address)}})
	}
	g := &Gateway{}
	fetches(g, content)
	m := g.newMedia(&identity.Principal{}, sizeOf(req).plain)
	if _, err := m.localize(t.Context(), &Upstream{}, req); err == nil {
		t.Error("a request that lasts no longer than its call was not refused")
	}
	m = g.newMedia(&identity.Principal{}, sizeOf(req).plain)
	m.lasting = true
	local, err := m.localize(t.Context(), &Upstream{}, req)
	if err != nil {
		t.Fatal(err)
	}
	pictures, words := 0, 0
	for i, message := range local.Messages {
		switch p := message.Parts[0].(type) {
		case *model.Image:
			if pictures++; string(p.Source.Data) != png {
				t.Errorf("message %d is %+v", i, p)
			}
		case *model.Text:
			if message.Role == model.RoleUser {
				words++
			}
		}
	}
	if _, newest := local.Messages[len(local.Messages)-1].Parts[0].(*model.Image); !newest || pictures != maxFetches || words != 4 {
		t.Errorf("%d pictures, %d in words; the newest is a picture: %v", pictures, words, newest)
	}
	req.Messages = append(req.Messages, model.Message{Role: model.RoleUser, Parts: []model.Part{picture("https://example.com/gone")}})
	m = g.newMedia(&identity.Principal{}, sizeOf(req).plain)
	m.lasting = true
	if _, err := m.localize(t.Context(), &Upstream{}, req); model.AsError(err) == nil || model.AsError(err).Kind != model.Invalid {
		t.Errorf("what is said now is taken though it cannot be fetched: %v", err)
	}
}
