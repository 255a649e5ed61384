package blob

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Unfinished is the age at which a write that was not noted is taken for one
// that a crash cut off. A write that takes half as long is refused, so that
// none is swept under its writer.
const Unfinished = 24 * time.Hour

// intent says where content that is being written will be noted. It is stored
// before the first byte and removed after the note, so that what a crash leaves
// is known to [Space.SweepUnfinished].
type intent struct {
	Tenant string `json:"tenant"`
	Ref    string `json:"ref"`
	// Object is BUCKET/KEY; Part the id of a part's document, empty for a whole object.
	Object string `json:"object"`
	Part   string `json:"part,omitzero"`
}

// draft is content that was written and not noted yet.
type draft struct {
	intent
	id    string // of the intent's document
	begun time.Time
	sum   string
	size  int64
	// done ends the move that the draft's charge began: see [Space.move].
	done func()
}

// write stores content under a new reference, within the tenant's quota. The
// caller calls the draft's done once it is noted.
func (s *Space) write(ctx context.Context, in intent, r io.Reader, verify func() error) (*draft, error) {
	room, err := s.room(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	in.Ref = s.cfg.NewID()
	d, err := s.intend(ctx, in)
	if err != nil {
		return nil, err
	}
	hash := md5.New()
	d.size, err = s.cfg.Content.Write(ctx, in.Ref, io.TeeReader(s.within(r, room), hash))
	if err == nil && verify != nil {
		err = verify()
	}
	if err == nil && s.cfg.Now().Sub(d.begun) >= Unfinished/2 {
		err = model.Errorf(model.Timeout, "", "The upload took too long.").WithHint("Upload the object in parts.")
	}
	d.done = s.move(in.Tenant)
	if err == nil {
		err = s.charge(ctx, in.Tenant, d.size)
	}
	if err != nil {
		d.done()
		return nil, errors.Join(err, s.cfg.Content.Remove(context.WithoutCancel(ctx), in.Ref), s.settle(ctx, d))
	}
	d.sum = hex.EncodeToString(hash.Sum(nil))
	return d, nil
}

// intend stores an intent.
func (s *Space) intend(ctx context.Context, in intent) (*draft, error) {
	d := &draft{intent: in, begun: s.cfg.Now()}
	d.id = trashID(d.begun, in.Ref)
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	_, err = s.cfg.Documents.Put(ctx, document.Document{Kind: intentKind, ID: d.id, Version: document.Any, Body: body, CreatedAt: d.begun, UpdatedAt: d.begun})
	return d, err
}

// scrap removes content that certainly was not noted.
func (s *Space) scrap(ctx context.Context, d *draft) error {
	return errors.Join(s.cfg.Content.Remove(context.WithoutCancel(ctx), d.Ref), s.refund(ctx, d.Tenant, []Piece{{d.Ref, d.size}}), s.settle(ctx, d))
}

// settle forgets the intent of content that was noted, or removed. Where a note
// failed the intent stays: whether it is stored is found out by the sweep.
func (s *Space) settle(ctx context.Context, d *draft) error {
	return orGone(s.cfg.Documents.Delete(context.WithoutCancel(ctx), "", intentKind, d.id, document.Any))
}

// orGone is nil for a document that somebody else removed.
func orGone(err error) error {
	if errors.Is(err, document.ErrNotFound) {
		return nil
	}
	return err
}

// SweepUnfinished gives up content whose writing began before a time and was
// never noted, and returns how many there were. The caller runs it now and then
// with a time [Unfinished] ago; several replicas may.
func (s *Space) SweepUnfinished(ctx context.Context, before time.Time) (int, error) {
	swept := 0
	for {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Kind: intentKind, Limit: 100})
		if err != nil {
			return swept, err
		}
		for _, doc := range docs {
			if doc.ID >= trashID(before, "") {
				return swept, nil
			}
			dropped, err := s.judge(ctx, doc)
			if err != nil {
				return swept, err
			}
			if dropped {
				swept++
			}
		}
		if len(docs) < 100 {
			return swept, nil
		}
	}
}

// judge gives up the content of an old intent unless it was noted after all.
func (s *Space) judge(ctx context.Context, doc document.Document) (dropped bool, err error) {
	var in intent
	if err := json.Unmarshal(doc.Body, &in); err != nil {
		return false, err
	}
	if err := s.strikeStray(ctx, in); err != nil {
		return false, err
	}
	noted, err := s.noted(ctx, in)
	if err == nil && !noted {
		err = s.discard(ctx, []Piece{{Ref: in.Ref}})
	}
	if err != nil {
		return false, err
	}
	return !noted, orGone(s.cfg.Documents.Delete(ctx, "", intentKind, doc.ID, document.Any))
}

// strikeStray removes the record of a part that was noted when its upload had
// been cleared away, or beside that.
func (s *Space) strikeStray(ctx context.Context, in intent) error {
	upload, _, isPart := strings.Cut(in.Part, "/")
	if !isPart {
		return nil
	}
	_, err := s.cfg.Documents.Get(ctx, in.Tenant, uploadKind, upload)
	if errors.Is(err, document.ErrNotFound) {
		defer s.move(in.Tenant)()
		_, err = s.strike(ctx, in)
	}
	return err
}

// noted reports whether an object or part holds the content. A part's goes to
// the object before the part is forgotten.
func (s *Space) noted(ctx context.Context, in intent) (bool, error) {
	if in.Part != "" {
		doc, err := s.cfg.Documents.Get(ctx, in.Tenant, partKind, in.Part)
		if orGone(err) != nil {
			return false, err
		}
		var p Part
		if err == nil {
			err = json.Unmarshal(doc.Body, &p)
		}
		if p.Ref == in.Ref || orGone(err) != nil {
			return p.Ref == in.Ref, err
		}
	}
	doc, err := s.cfg.Documents.Get(ctx, in.Tenant, objectKind, in.Object)
	if err != nil {
		return false, orGone(err)
	}
	o, err := decodeObject(doc)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(o.pieces(), func(p Piece) bool { return p.Ref == in.Ref }), nil
}
