package conversation_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/conversation"
	"github.com/craton-ai/craton/internal/store/mem"
)

func newStore(t *testing.T) *conversation.Store {
	t.Helper()
	store := mem.New()
	journal, err := session.New(session.Config{Store: store, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return make([]byte, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return conversation.New(conversation.Config{Journal: journal, Journals: store, Index: store})
}

func item(id string) conversation.Item {
	return conversation.Item{ID: id, Body: jsontext.Value(`{"id":"` + id + `"}`)}
}

func text(items []jsontext.Value) string {
	var all []string
	for _, one := range items {
		all = append(all, strings.Trim(strings.TrimPrefix(string(one), `{"id":`), `"}`))
	}
	return strings.Join(all, " ")
}

func kind(err error) model.Kind { return model.AsError(err).Kind }

func TestPagesAndDeletes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	conv, err := s.Create(ctx, "t", map[string]string{"k": "v"}, []conversation.Item{item("a"), item("b")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := s.Add(ctx, "t", conv.ID, []conversation.Item{item(fmt.Sprint("i", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteItem(ctx, "t", conv.ID, "b"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		page conversation.Page
		want string
		more bool
	}{
		{conversation.Page{Limit: 2}, "i299 i298", true},
		{conversation.Page{Limit: 2, After: "i298"}, "i297 i296", true},
		{conversation.Page{Limit: 2, Oldest: true}, "a i0", true},
		{conversation.Page{Limit: 3, After: "i1"}, "i0 a", false},
		{conversation.Page{Limit: 2, After: "i298", Oldest: true}, "i299", false},
		{conversation.Page{Limit: 2, After: "i299", Oldest: true}, "", false},
	} {
		got, more, err := s.List(ctx, "t", conv.ID, test.page)
		if err != nil || text(got) != test.want || more != test.more {
			t.Errorf("%+v: %s, %v, %v; want %s, %v", test.page, text(got), more, err, test.want, test.more)
		}
	}
	if _, _, err := s.List(ctx, "t", conv.ID, conversation.Page{Limit: 1, After: "b"}); kind(err) != model.Invalid {
		t.Errorf("a page after a deleted item: %v", err)
	}
	if all, err := s.All(ctx, "t", conv.ID); err != nil || len(all) != 301 {
		t.Errorf("%d items, %v", len(all), err)
	}
	if err := s.Add(ctx, "t", conv.ID, []conversation.Item{item("new"), item("a")}); kind(err) != model.Invalid {
		t.Errorf("an id that is taken: %v", err)
	}
	if _, err := s.Item(ctx, "t", conv.ID, "new"); kind(err) != model.NotFound {
		t.Errorf("half of a refused batch was added: %v", err)
	}
}

func TestUpdateDeleteAndForeignTenant(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	conv, err := s.Create(ctx, "t", nil, []conversation.Item{item("a")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, "t", conv.ID, map[string]string{"topic": "x"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "t", conv.ID); err != nil || got.Metadata["topic"] != "x" || !got.CreatedAt.Equal(conv.CreatedAt) {
		t.Errorf("%+v, %v", got, err)
	}
	gone := func(tenant string) {
		t.Helper()
		_, get := s.Get(ctx, tenant, conv.ID)
		_, all := s.All(ctx, tenant, conv.ID)
		_, one := s.Item(ctx, tenant, conv.ID, "a")
		for _, err := range []error{get, all, one, s.Add(ctx, tenant, conv.ID, []conversation.Item{item("z")}), s.DeleteItem(ctx, tenant, conv.ID, "a")} {
			if kind(err) != model.NotFound {
				t.Errorf("tenant %s: %v", tenant, err)
			}
		}
	}
	gone("other")
	if err := s.Delete(ctx, "t", conv.ID); err != nil {
		t.Fatal(err)
	}
	gone("t")
}

// TestTurnsAtOnce appends turns from many goroutines, each twice.
func TestTurnsAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	conv, err := s.Create(ctx, "t", nil, []conversation.Item{item("known")})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			turn := []conversation.Item{item(fmt.Sprint("in", i)), item(fmt.Sprint("out", i))}
			if i == 0 {
				turn = append(turn, item("known"))
			}
			for range 2 {
				if err := s.Append(ctx, "t", conv.ID, fmt.Sprint("resp_", i), turn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	all, err := s.All(ctx, "t", conv.ID)
	if err != nil || len(all) != 17 {
		t.Fatalf("%s, %v", text(all), err)
	}
	for i := 1; i < len(all); i += 2 {
		if in, out := text(all[i:i+1]), text(all[i+1:i+2]); "out"+strings.TrimPrefix(in, "in") != out {
			t.Errorf("turns are mixed: %s", text(all))
		}
	}
}

// TestLongTurnWithKnownItems appends turns of several batches, one of whose items
// the conversation has: each other is added once, however often and wherever the
// turn is repeated.
func TestLongTurnWithKnownItems(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 550, 1400} {
		s := newStore(t)
		ctx := t.Context()
		conv, err := s.Create(ctx, "t", nil, []conversation.Item{item("known")})
		if err != nil {
			t.Fatal(err)
		}
		var turn []conversation.Item
		for i := range 1500 {
			turn = append(turn, item(fmt.Sprint("i", i)))
		}
		turn = slices.Insert(turn, at, item("known"))
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := s.Append(ctx, "t", conv.ID, "resp", turn); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		all, err := s.All(ctx, "t", conv.ID)
		seen := make(map[string]bool)
		for _, one := range all {
			seen[string(one)] = true
		}
		if err != nil || len(all) != 1501 || len(seen) != 1501 {
			t.Errorf("with a known item at %d there are %d items, %d different, %v", at, len(all), len(seen), err)
		}
	}
}
