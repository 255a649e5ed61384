package conversation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Item returns one item, or an error of kind NotFound.
func (s *Store) Item(ctx context.Context, tenant, id, item string) (jsontext.Value, error) {
	e, err := s.find(ctx, tenant, id, item)
	if err != nil {
		return nil, err
	}
	return e.Payload, nil
}

func (s *Store) find(ctx context.Context, tenant, id, item string) (session.Event, error) {
	entry, err := s.entry(ctx, tenant, id)
	if err != nil {
		return session.Event{}, err
	}
	if len(label(id, item)) > session.MaxLabel {
		return session.Event{}, itemNotFound(item, nil)
	}
	e, err := s.config.Journal.Event(ctx, tenant, label(id, item))
	if err != nil || e.Erased || e.Type != ItemType || e.Session != entry.ID {
		return session.Event{}, itemNotFound(item, err)
	}
	return e, nil
}

func itemNotFound(item string, err error) error {
	if err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrErased) {
		return err
	}
	if len(item) > 80 {
		item = item[:80] + "…"
	}
	return &model.Error{Kind: model.NotFound, Subject: "item_id", Err: err, Message: fmt.Sprintf("Item with id '%s' not found.", item)}
}

// DeleteItem destroys one item.
func (s *Store) DeleteItem(ctx context.Context, tenant, id, item string) error {
	e, err := s.find(ctx, tenant, id, item)
	if err != nil {
		return err
	}
	return s.config.Journal.Erase(ctx, tenant, e.Session, e.Seq, e.Seq)
}

// Page selects items. The newest come first unless Oldest is set.
type Page struct {
	// After is the id of the item that the page follows; empty for none.
	After string
	// Limit is how many items the page has at most, from 1.
	Limit  int
	Oldest bool
}

// List returns a page of items and whether more follow it. An After that names
// no item is an error of kind Invalid.
func (s *Store) List(ctx context.Context, tenant, id string, page Page) (items []jsontext.Value, more bool, err error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, false, err
	}
	at := head.Seq + 1
	if page.Oldest {
		at = 0
	}
	if page.After != "" {
		e, err := s.find(ctx, tenant, id, page.After)
		if model.AsError(err) != nil && model.AsError(err).Kind == model.NotFound {
			return nil, false, model.Errorf(model.Invalid, "after", "There is no item '%s' in this conversation.", page.After)
		}
		if err != nil {
			return nil, false, err
		}
		at = e.Seq
	}
	items, err = s.walk(ctx, head, at, page.Oldest, page.Limit+1)
	if len(items) > page.Limit {
		return items[:page.Limit], true, err
	}
	return items, false, err
}

// stride is how many events are read at a time.
const stride = 128

// walk collects up to limit items after the event at, or before it.
func (s *Store) walk(ctx context.Context, head session.Session, at uint64, up bool, limit int) ([]jsontext.Value, error) {
	var items []jsontext.Value
	for len(items) < limit {
		from, n := at, stride
		if !up {
			from = at - 1 - min(at-1, stride)
			n = int(at - 1 - from)
		}
		if n == 0 || up && from >= head.Seq {
			break
		}
		events, err := s.config.Journals.Read(ctx, head.Tenant, head.ID, from, n)
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			break
		}
		if at = events[len(events)-1].Seq; !up {
			at = events[0].Seq
			slices.Reverse(events)
		}
		for _, e := range events {
			if e.Type == ItemType && !e.Erased && len(items) < limit {
				items = append(items, e.Payload)
			}
		}
	}
	return items, nil
}

// All returns every item, oldest first: what a turn continues. More than
// [MaxPast] bytes are an error of kind TooLarge.
func (s *Store) All(ctx context.Context, tenant, id string) ([]jsontext.Value, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	var items []jsontext.Value
	size := 0
	for after := uint64(0); after < head.Seq; {
		events, err := s.config.Journals.Read(ctx, tenant, head.ID, after, session.MaxEvents)
		if err != nil {
			return nil, hide(id, err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			after = e.Seq
			if e.Type != ItemType || e.Erased {
				continue
			}
			if size += len(e.Payload); size > MaxPast {
				return nil, model.Errorf(model.TooLarge, "conversation", "The conversation holds more than %d bytes.", MaxPast).
					WithHint("Begin a new conversation, with a summary of this one.")
			}
			items = append(items, e.Payload)
		}
	}
	return items, nil
}
