package blob

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// MinPart is the least size of every part but the last, as S3 has it.
const MinPart = 5 << 20

// Part is an uploaded part.
type Part struct {
	Number int    `json:"number"`
	ETag   string `json:"etag"`
	Size   int64  `json:"size"`
	Ref    string `json:"ref"`
}

// upload is a multipart upload under way.
type upload struct {
	Bucket string     `json:"bucket"`
	Key    string     `json:"key"`
	Attr   Attributes `json:"attr"`
	// Ended says that it was completed or aborted and is being cleared away.
	Ended bool `json:"ended,omitzero"`
}

// CreateUpload begins a multipart upload and returns its id.
func (s *Space) CreateUpload(ctx context.Context, tenant, bucket, key string, attr Attributes) (string, error) {
	if err := s.checkKey(ctx, tenant, bucket, key); err != nil {
		return "", err
	}
	id, now := s.cfg.NewID(), s.cfg.Now()
	body, err := json.Marshal(upload{Bucket: bucket, Key: key, Attr: attr})
	if err != nil {
		return "", err
	}
	_, err = s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: uploadKind, ID: id, Body: body, CreatedAt: now, UpdatedAt: now})
	return id, err
}

// upload reads an upload under way, and the document it lies in.
func (s *Space) upload(ctx context.Context, tenant, bucket, key, id string) (*upload, document.Document, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, uploadKind, id)
	var u upload
	if err == nil {
		err = json.Unmarshal(doc.Body, &u)
	}
	if err == nil && (u.Bucket != bucket || u.Key != key || u.Ended) {
		err = document.ErrNotFound
	}
	return &u, doc, noUpload(err)
}

// underWay is upload for requests that need the bucket too: it may have been
// removed since the upload began.
func (s *Space) underWay(ctx context.Context, tenant, bucket, key, id string) (*upload, document.Document, error) {
	if err := s.HeadBucket(ctx, tenant, bucket); err != nil {
		return nil, document.Document{}, err
	}
	return s.upload(ctx, tenant, bucket, key, id)
}

// end marks an upload ended. Of several requests one ends it: the content must
// not belong to two objects, of which one would take the other's away. The
// document stays until the parts are cleared away, so that a crash in between
// is found by [Space.SweepUploads].
func (s *Space) end(ctx context.Context, u *upload, doc document.Document) error {
	var err error
	u.Ended = true
	if doc.Body, err = json.Marshal(u); err != nil {
		return err
	}
	doc.UpdatedAt = s.cfg.Now()
	_, err = s.cfg.Documents.Put(ctx, doc)
	if errors.Is(err, document.ErrConflict) {
		err = document.ErrNotFound
	}
	return noUpload(err)
}

// noUpload says of a document that is not there that it was an upload.
func noUpload(err error) error {
	if !errors.Is(err, document.ErrNotFound) {
		return err
	}
	return model.Errorf(model.NotFound, "uploadId", "The specified upload does not exist.").
		WithHint("It may have been completed or aborted.")
}

func partID(upload string, number int) string { return fmt.Sprintf("%s/%05d", upload, number) }

// PutPart stores one part; a part of the same number is replaced.
func (s *Space) PutPart(ctx context.Context, tenant, bucket, key, id string, number int, r io.Reader, verify func() error) (*Part, error) {
	if number < 1 || number > 10_000 {
		return nil, model.Errorf(model.Invalid, "partNumber", "Part number must be an integer between 1 and 10000, inclusive.")
	}
	if _, _, err := s.underWay(ctx, tenant, bucket, key, id); err != nil {
		return nil, err
	}
	d, err := s.write(ctx, intent{Tenant: tenant, Object: bucket + "/" + key, Part: partID(id, number)}, r, verify)
	if err != nil {
		return nil, err
	}
	defer d.done()
	p := &Part{Number: number, ETag: d.sum, Size: d.size, Ref: d.Ref}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	replaced, err := s.replace(ctx, document.Document{Tenant: tenant, Kind: partKind, ID: partID(id, number), Body: body, CreatedAt: now, UpdatedAt: now}, Condition{})
	if err != nil {
		return nil, err
	}
	var old Part
	if replaced != nil {
		if err := json.Unmarshal(replaced.Body, &old); err != nil {
			return nil, err
		}
	}
	if _, _, err := s.upload(ctx, tenant, bucket, key, id); err != nil {
		return nil, errors.Join(err, s.late(context.WithoutCancel(ctx), id, d, old))
	}
	if err := s.settle(ctx, d); err != nil || replaced == nil {
		return p, err
	}
	return p, errors.Join(s.cfg.Content.Remove(ctx, old.Ref), s.refund(ctx, tenant, []Piece{{old.Ref, old.Size}}))
}

// late deals with a part that was noted while its upload ended. The completion
// may have given its content to the object, or that of the part it replaced:
// what is in doubt is left to [Space.SweepUnfinished], which asks the object.
func (s *Space) late(ctx context.Context, upload string, d *draft, old Part) error {
	var doubt error
	if old.Ref != "" {
		_, doubt = s.intend(ctx, intent{Tenant: d.Tenant, Ref: old.Ref, Object: d.Object, Part: d.Part})
	}
	_, err := s.cfg.Documents.Get(ctx, d.Tenant, uploadKind, upload)
	if !errors.Is(err, document.ErrNotFound) {
		return errors.Join(doubt, err) // whoever ended it is clearing its parts away
	}
	// It is cleared away: a part that is still there is no object's.
	dropped, err := s.strike(ctx, d.intent)
	if dropped {
		err = errors.Join(err, s.cfg.Content.Remove(ctx, d.Ref), s.settle(ctx, d))
	}
	return errors.Join(doubt, err)
}

// strike removes the record of a part, and its bytes from the count, where it
// is that of the content; it reports whether it did.
func (s *Space) strike(ctx context.Context, in intent) (bool, error) {
	doc, err := s.cfg.Documents.Get(ctx, in.Tenant, partKind, in.Part)
	var p Part
	if err == nil {
		err = json.Unmarshal(doc.Body, &p)
	}
	if err != nil || p.Ref != in.Ref {
		return false, orGone(err)
	}
	err = s.cfg.Documents.Delete(ctx, in.Tenant, partKind, in.Part, doc.Version)
	switch {
	case errors.Is(err, document.ErrNotFound), errors.Is(err, document.ErrConflict):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, s.refund(ctx, in.Tenant, []Piece{{p.Ref, p.Size}})
}

// Parts lists an upload's parts by number.
func (s *Space) Parts(ctx context.Context, tenant, bucket, key, id string) ([]Part, error) {
	if _, _, err := s.underWay(ctx, tenant, bucket, key, id); err != nil {
		return nil, err
	}
	return s.parts(ctx, tenant, id)
}

// parts lists the parts of an upload that may have ended.
func (s *Space) parts(ctx context.Context, tenant, id string) ([]Part, error) {
	var parts []Part
	for after := ""; ; {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: partKind, Prefix: id + "/", After: after})
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			var p Part
			if err := json.Unmarshal(doc.Body, &p); err != nil {
				return nil, err
			}
			parts, after = append(parts, p), doc.ID
		}
		if len(docs) < 1000 {
			return parts, nil
		}
	}
}

// CompleteUpload makes the object of the parts named, in order.
func (s *Space) CompleteUpload(ctx context.Context, tenant, bucket, key, id string, want []Part) (*Object, error) {
	return s.CompleteUploadIf(ctx, tenant, bucket, key, id, want, Condition{})
}

// CompleteUploadIf is [Space.CompleteUpload] under a condition, with the errors
// of [Space.PutIf]. Where the condition does not hold the upload stays, unless
// another writer broke it in the moment of completing.
func (s *Space) CompleteUploadIf(ctx context.Context, tenant, bucket, key, id string, want []Part, c Condition) (*Object, error) {
	u, doc, err := s.underWay(ctx, tenant, bucket, key, id)
	if err != nil {
		return nil, err
	}
	have, err := s.parts(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	o := &Object{Bucket: bucket, Key: key, Modified: s.cfg.Now().UTC(), Attributes: u.Attr}
	unused, err := o.assemble(have, want)
	if err != nil {
		return nil, err
	}
	if err := s.allows(ctx, tenant, bucket+"/"+key, c); err != nil {
		return nil, err
	}
	if err := s.end(ctx, u, doc); err != nil {
		return nil, err
	}
	defer s.move(tenant)()
	ctx = context.WithoutCancel(ctx)
	if err := s.unchanged(ctx, tenant, id, have); err != nil {
		return nil, err
	}
	err = s.note(ctx, tenant, o, c)
	switch {
	case c.refused(err):
		return nil, errors.Join(err, s.clear(ctx, tenant, id, have, numbered(have)))
	case err != nil:
		return nil, err
	}
	return o, s.clear(ctx, tenant, id, have, unused)
}

func numbered(parts []Part) map[int]Part {
	byNumber := map[int]Part{}
	for _, p := range parts {
		byNumber[p.Number] = p
	}
	return byNumber
}

// assemble makes the object of the parts wanted and returns the others.
func (o *Object) assemble(have, want []Part) (unused map[int]Part, err error) {
	for i := 1; i < len(want); i++ {
		if want[i].Number <= want[i-1].Number {
			return nil, model.Errorf(model.Invalid, "InvalidPartOrder", "The list of parts was not in ascending order.")
		}
	}
	unused = numbered(have)
	sums := md5.New()
	for i, w := range want {
		p, ok := unused[w.Number]
		switch {
		case !ok || strings.Trim(w.ETag, `"`) != p.ETag:
			return nil, model.Errorf(model.Invalid, "InvalidPart", "One or more of the specified parts could not be found.")
		case i < len(want)-1 && p.Size < MinPart:
			return nil, model.Errorf(model.Invalid, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.")
		}
		raw, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, err
		}
		sums.Write(raw)
		o.Parts = append(o.Parts, Piece{p.Ref, p.Size})
		o.Size += p.Size
		delete(unused, w.Number)
	}
	if len(want) == 0 {
		return nil, model.Errorf(model.Invalid, "MalformedXML", "An upload is completed with at least one part.")
	}
	o.ETag = fmt.Sprintf("%s-%d", hex.EncodeToString(sums.Sum(nil)), len(want))
	return unused, nil
}

// unchanged refuses to make an object of parts of which one was replaced while
// the upload was completed: whoever replaced it removes the content it had. The
// upload has ended by then, so later replacements remove nothing.
func (s *Space) unchanged(ctx context.Context, tenant, id string, have []Part) error {
	now, err := s.parts(ctx, tenant, id)
	if err != nil || slices.Equal(have, now) {
		return err
	}
	refusal := model.Errorf(model.Invalid, "InvalidPart", "A part was replaced while the upload was completed.").
		WithHint("Upload the object again.")
	return errors.Join(refusal, s.clear(ctx, tenant, id, now, numbered(now)))
}

// AbortUpload gives an upload and its parts up.
func (s *Space) AbortUpload(ctx context.Context, tenant, bucket, key, id string) error {
	u, doc, err := s.upload(ctx, tenant, bucket, key, id)
	if err != nil {
		return err
	}
	if err := s.end(ctx, u, doc); err != nil {
		return err
	}
	return s.abandon(context.WithoutCancel(ctx), tenant, id, u)
}

// abandon clears an ended upload away, but for the content that its object
// holds: a completed upload may have been cut off before it was cleared.
func (s *Space) abandon(ctx context.Context, tenant, id string, u *upload) error {
	defer s.move(tenant)()
	have, err := s.parts(ctx, tenant, id)
	if err != nil {
		return err
	}
	unused := map[int]Part{}
	for _, p := range have {
		held, err := s.noted(ctx, intent{Tenant: tenant, Ref: p.Ref, Object: u.Bucket + "/" + u.Key})
		if err != nil {
			return err
		}
		if !held {
			unused[p.Number] = p
		}
	}
	return s.clear(ctx, tenant, id, have, unused)
}

// clear removes what is left of an ended upload.
func (s *Space) clear(ctx context.Context, tenant, id string, parts []Part, unused map[int]Part) error {
	if err := s.forget(ctx, tenant, id, parts, unused); err != nil {
		return err
	}
	return orGone(s.cfg.Documents.Delete(context.WithoutCancel(ctx), tenant, uploadKind, id, document.Any))
}

// forget removes the records of an ended upload's parts, and the content of the parts unused.
func (s *Space) forget(ctx context.Context, tenant, id string, parts []Part, unused map[int]Part) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	var dropped []Piece
	for _, p := range parts {
		_, drop := unused[p.Number]
		if drop {
			errs = append(errs, s.cfg.Content.Remove(ctx, p.Ref))
		}
		err := s.cfg.Documents.Delete(ctx, tenant, partKind, partID(id, p.Number), document.Any)
		if drop && err == nil { // of several who clear it, one takes it off the count
			dropped = append(dropped, Piece{p.Ref, p.Size})
		}
		errs = append(errs, orGone(err))
	}
	return errors.Join(append(errs, s.refund(ctx, tenant, dropped))...)
}

// DefaultUploadAge is the age of an unfinished upload at which it is given up,
// where nothing else is said.
const DefaultUploadAge = 7 * 24 * time.Hour

// SweepUploads gives up a tenant's uploads that were begun before a time, and
// clears away what a crash left of those that had ended. It returns how many
// those were. The caller runs it now and then; several replicas may.
func (s *Space) SweepUploads(ctx context.Context, tenant string, before time.Time) (int, error) {
	swept := 0
	query := document.Query{Tenant: tenant, Kind: uploadKind}
	for {
		docs, err := s.cfg.Documents.List(ctx, query)
		if err != nil {
			return swept, err
		}
		for _, doc := range docs {
			query.After = doc.ID
			done, err := s.sweepUpload(ctx, doc, before)
			if err != nil {
				return swept, err
			}
			if done {
				swept++
			}
		}
		if len(docs) < 1000 {
			return swept, nil
		}
	}
}

func (s *Space) sweepUpload(ctx context.Context, doc document.Document, before time.Time) (bool, error) {
	var u upload
	if err := json.Unmarshal(doc.Body, &u); err != nil {
		return false, err
	}
	switch {
	case u.Ended && doc.UpdatedAt.After(s.cfg.Now().Add(-Grace)), !u.Ended && !doc.CreatedAt.Before(before):
		return false, nil
	case !u.Ended:
		if err := s.end(ctx, &u, doc); err != nil {
			if model.AsError(err).Kind == model.NotFound {
				return false, nil // it was just completed or aborted
			}
			return false, err
		}
	}
	return true, s.abandon(ctx, doc.Tenant, doc.ID, &u)
}
