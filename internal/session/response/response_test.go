package response_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/store/mem"
)

// TestLongChain continues a chain until it holds more than one request may: no
// tenant may have the server read as much as it once stored.
func TestLongChain(t *testing.T) {
	t.Parallel()
	journal, err := session.New(session.Config{Store: mem.New(), Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return make([]byte, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	s := response.New(journal)
	item := jsontext.Value(`{"text":"` + strings.Repeat("a", response.MaxPast/4) + `"}`)
	previous := ""
	for i := range 6 {
		past, err := s.Past(t.Context(), "t", previous)
		if i == 4 {
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != model.TooLarge || e.Hint == "" {
				t.Errorf("after %d long responses: got %v", i, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(past.Items) != i {
			t.Errorf("%d items after %d responses", len(past.Items), i)
		}
		previous = fmt.Sprint("resp_", i)
		if err := s.Save(t.Context(), past, response.Record{ID: previous, Input: []jsontext.Value{item}, Response: jsontext.Value(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
}
