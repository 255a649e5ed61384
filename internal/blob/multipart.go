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
}

// CreateUpload begins a multipart upload and returns its id.
func (s *Space) CreateUpload(ctx context.Context, tenant, bucket, key string, attr Attributes) (string, error) {
	if err := s.checkKey(ctx, tenant, bucket, key); err != nil {
		return "", err
	}
	id, now := s.cfg.NewID(), s.cfg.Now()
	body, err := json.Marshal(upload{bucket, key, attr})
	if err != nil {
		return "", err
	}
	_, err = s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: uploadKind, ID: id, Body: body, CreatedAt: now, UpdatedAt: now})
	return id, err
}

func (s *Space) upload(ctx context.Context, tenant, bucket, key, id string) (*upload, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, uploadKind, id)
	var u upload
	if err == nil {
		err = json.Unmarshal(doc.Body, &u)
	}
	if err == nil && (u.Bucket != bucket || u.Key != key) {
		err = document.ErrNotFound
	}
	return &u, noUpload(err)
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
	if _, err := s.upload(ctx, tenant, bucket, key, id); err != nil {
		return nil, err
	}
	ref, sum, n, err := s.write(ctx, r, verify)
	if err != nil {
		return nil, err
	}
	p := &Part{Number: number, ETag: sum, Size: n, Ref: ref}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	replaced, err := s.replace(ctx, document.Document{Tenant: tenant, Kind: partKind, ID: partID(id, number), Body: body, CreatedAt: now, UpdatedAt: now})
	if err != nil {
		return nil, err
	}
	if _, err := s.upload(ctx, tenant, bucket, key, id); err != nil {
		// The upload ended in between: what was replaced may be the object's now.
		return nil, errors.Join(err, s.forget(ctx, tenant, id, []Part{*p}, map[int]Part{number: *p}))
	}
	if replaced == nil {
		return p, nil
	}
	var old Part
	if err := json.Unmarshal(replaced.Body, &old); err != nil {
		return nil, err
	}
	return p, s.cfg.Content.Remove(ctx, old.Ref)
}

// Parts lists an upload's parts by number.
func (s *Space) Parts(ctx context.Context, tenant, bucket, key, id string) ([]Part, error) {
	if _, err := s.upload(ctx, tenant, bucket, key, id); err != nil {
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
	u, err := s.upload(ctx, tenant, bucket, key, id)
	if err != nil {
		return nil, err
	}
	have, err := s.parts(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	byNumber := map[int]Part{}
	for _, p := range have {
		byNumber[p.Number] = p
	}
	o := &Object{Bucket: bucket, Key: key, Modified: s.cfg.Now().UTC(), Attributes: u.Attr}
	for i := 1; i < len(want); i++ {
		if want[i].Number <= want[i-1].Number {
			return nil, model.Errorf(model.Invalid, "InvalidPartOrder", "The list of parts was not in ascending order.")
		}
	}
	sums := md5.New()
	for i, w := range want {
		p, ok := byNumber[w.Number]
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
		delete(byNumber, w.Number)
	}
	if len(want) == 0 {
		return nil, model.Errorf(model.Invalid, "MalformedXML", "An upload is completed with at least one part.")
	}
	o.ETag = fmt.Sprintf("%s-%d", hex.EncodeToString(sums.Sum(nil)), len(want))
	// One of several requests ends the upload: the content must not belong to
	// two objects, of which one would take the other's away.
	if err := s.cfg.Documents.Delete(ctx, tenant, uploadKind, id, document.Any); err != nil {
		return nil, noUpload(err)
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.unchanged(ctx, tenant, id, have); err != nil {
		return nil, err
	}
	if err := s.note(ctx, tenant, o); err != nil {
		return nil, err
	}
	return o, s.forget(ctx, tenant, id, have, byNumber)
}

// unchanged refuses to make an object of parts of which one was replaced while
// the upload was completed: whoever replaced it removes the content it had. The
// upload has ended by then, so later replacements remove nothing.
func (s *Space) unchanged(ctx context.Context, tenant, id string, have []Part) error {
	now, err := s.parts(ctx, tenant, id)
	if err != nil || slices.Equal(have, now) {
		return err
	}
	unused := map[int]Part{}
	for _, p := range now {
		unused[p.Number] = p
	}
	refusal := model.Errorf(model.Invalid, "InvalidPart", "A part was replaced while the upload was completed.").
		WithHint("Upload the object again.")
	return errors.Join(refusal, s.forget(ctx, tenant, id, now, unused))
}

// AbortUpload gives an upload and its parts up.
func (s *Space) AbortUpload(ctx context.Context, tenant, bucket, key, id string) error {
	have, err := s.Parts(ctx, tenant, bucket, key, id)
	if err != nil {
		return err
	}
	unused := map[int]Part{}
	for _, p := range have {
		unused[p.Number] = p
	}
	if err := s.cfg.Documents.Delete(ctx, tenant, uploadKind, id, document.Any); err != nil {
		return noUpload(err)
	}
	return s.forget(ctx, tenant, id, have, unused)
}

// forget removes the records of an ended upload's parts, and the content of the parts unused.
func (s *Space) forget(ctx context.Context, tenant, id string, parts []Part, unused map[int]Part) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, p := range parts {
		if _, drop := unused[p.Number]; drop {
			errs = append(errs, s.cfg.Content.Remove(ctx, p.Ref))
		}
		errs = append(errs, s.cfg.Documents.Delete(ctx, tenant, partKind, partID(id, p.Number), document.Any))
	}
	return errors.Join(errs...)
}
