package roster_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/agent/roster"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
)

func newRoster(docs document.Store) *roster.Roster {
	var looks, ids atomic.Int64
	return roster.New(roster.Config{Documents: docs,
		Now:   func() time.Time { return time.Unix(1_700_000_000+looks.Add(1), 0).UTC() },
		NewID: func() string { return fmt.Sprintf("%08x-0000", ids.Add(1)) }})
}

func TestSavedAgents(t *testing.T) {
	t.Parallel()
	docs := mem.New()
	r, ctx, name := newRoster(docs), t.Context(), "Helper"
	whole := agent.Definition{ID: "mine", Local: true, Name: &name, Model: "small", TimeAware: true,
		Tools: []agent.Tool{{Kind: agent.ToolFunction, Raw: []byte(`{"type":"function"}`), Function: &agent.Function{Name: "f", Parameters: []byte(`{}`)}}}}
	saved, err := r.Create(ctx, "t", roster.Agent{Definition: whole, Metadata: map[string]string{"a": "b"}})
	if err != nil || !strings.HasPrefix(saved.ID, "agent_") {
		t.Fatalf("saved %+v, %v", saved, err)
	}
	read, err := r.Get(ctx, "t", saved.ID)
	if diff := cmp.Diff(saved, read); err != nil || diff != "" {
		t.Errorf("read, %v (-saved +read):\n%s", err, diff)
	}
	want := whole
	want.ID, want.Local = saved.ID, false
	if diff := cmp.Diff(want, roster.Definition(read)); diff != "" {
		t.Errorf("the definition (-want +got):\n%s", diff)
	}
	doc, err := docs.Get(ctx, "t", "agent", saved.ID)
	if err != nil || strings.Contains(string(doc.Body), "mine") || !strings.Contains(string(doc.Body), `"form":1`) {
		t.Errorf("stored %s, %v", doc.Body, err)
	}
	changed, err := r.Update(ctx, "t", saved.ID, func(a *roster.Agent) error { a.Definition.Model = "large"; return nil })
	if err != nil || changed.Value.Definition.Model != "large" || roster.Definition(changed).Digest() == roster.Definition(read).Digest() {
		t.Errorf("changed %+v, %v", changed, err)
	}
	page, more, err := r.List(ctx, "t", collection.Query{Limit: 1})
	if err != nil || len(page) != 1 || more {
		t.Errorf("listed %v, %v", page, err)
	}
	if e := model.AsError(r.Delete(ctx, "u", saved.ID)); e == nil || e.Kind != model.NotFound {
		t.Errorf("another tenant deletes it: %v", e)
	}
	if err := r.Delete(ctx, "t", saved.ID); err != nil {
		t.Error(err)
	}
}
