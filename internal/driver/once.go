package driver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/session"
)

// What creations used up is one small session each, which nothing erases: it
// outlives the session that was created.
const (
	usedKind    = "used"
	usedType    = "session.used"
	usedVersion = 1
)

// used says what made use of something: the label of the session it created,
// and a digest of who asked and what for.
type used struct {
	Label  string `json:"label"`
	Digest string `json:"digest"`
}

func usedBy(c *Creation) used {
	sum := sha256.Sum256(append([]byte(c.Created.Principal.Key+"\x00"), c.Body...))
	return used{Label: c.Label, Digest: hex.EncodeToString(sum[:])}
}

// use marks [Creation.Uses] as used, all of them or none, or answers the session
// of the creation that this one repeats.
func (s *Sessions) use(ctx context.Context, c *Creation) (*View, error) {
	if len(c.Uses) == 0 {
		return nil, nil
	}
	if c.Key != "" {
		if view, err := s.Created(ctx, c.Tenant, c.Key, c.Body); view != nil || err != nil {
			return view, err
		}
	}
	journal := s.driver.config.Journal
	head, err := journal.Begin(c.Tenant, usedKind)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(usedBy(c))
	if err != nil {
		return nil, err
	}
	var drafts []session.Draft
	for _, name := range c.Uses {
		drafts = append(drafts, session.Draft{Type: usedType, Version: usedVersion, Label: name, Payload: payload})
	}
	if _, err := journal.Append(ctx, head, drafts...); !errors.Is(err, session.ErrLabelTaken) {
		return nil, err
	}
	return s.repeated(ctx, c)
}

// repeated is the session of the creation that used all that c would, if that
// was the same request.
func (s *Sessions) repeated(ctx context.Context, c *Creation) (*View, error) {
	taken := session.Fault(session.ErrLabelTaken, c.Label, "What the request uses counts once, and was used before.")
	first := usedBy(c)
	for i, name := range c.Uses {
		e, err := s.driver.config.Journal.Event(ctx, c.Tenant, name)
		if errors.Is(err, session.ErrNotFound) {
			return nil, taken
		}
		if err != nil {
			return nil, err
		}
		var by used
		if err := json.Unmarshal(e.Payload, &by); err != nil {
			return nil, session.Fault(session.ErrCorrupt, e.Session, "Event %d does not say what it was used by.", e.Seq)
		}
		if by.Digest != first.Digest || i > 0 && by.Label != first.Label {
			return nil, taken
		}
		first.Label = by.Label
	}
	ref, err := s.driver.config.Journal.Find(ctx, c.Tenant, first.Label)
	if err == nil {
		var view *View
		if view, err = s.Get(ctx, c.Tenant, ref.Session); err == nil {
			return view, nil
		}
	}
	if errors.Is(err, session.ErrNotFound) {
		return nil, taken // it was deleted, or is being created
	}
	return nil, err
}
