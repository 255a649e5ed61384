package blob

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Kinds of documents this package keeps.
const (
	bucketKind = "blob.bucket"
	objectKind = "blob.object"
	uploadKind = "blob.upload"
	partKind   = "blob.part"
	trashKind  = "blob.trash"  // tenant "" : content to remove once nobody reads it
	intentKind = "blob.intent" // tenant "" : content that is being written
)

// MaxKey is the longest object key, in bytes, as S3 has it.
const MaxKey = 1024

// Config is what a Space needs; everything but Quota is required.
type Config struct {
	Documents document.Store
	Content   Content
	Now       func() time.Time
	// NewID makes references: unique lower-case letters, digits and hyphens.
	NewID func() string
	// Quota is how many bytes the objects and parts of one tenant may hold; 0
	// sets no limit. What goes beyond is refused with code [QuotaExceeded].
	Quota int64
}

// Space is every tenant's object space. It is safe for concurrent use.
type Space struct {
	cfg Config
	mu  sync.Mutex
	// books are how this process counts each tenant's bytes.
	books map[string]*book
}

// New returns a Space.
func New(cfg Config) *Space { return &Space{cfg: cfg, books: map[string]*book{}} }

// Bucket is a container of objects.
type Bucket struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Attributes are what a client says of an object.
type Attributes struct {
	ContentType     string            `json:"content_type,omitzero"`
	ContentEncoding string            `json:"content_encoding,omitzero"`
	Disposition     string            `json:"disposition,omitzero"`
	CacheControl    string            `json:"cache_control,omitzero"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// Object describes an object without its bytes.
type Object struct {
	Bucket string `json:"-"`
	Key    string `json:"-"`
	Size   int64  `json:"size"`
	// ETag is the MD5 in hex, or for a multipart object S3's "md5ofmd5s-N".
	ETag     string    `json:"etag"`
	Modified time.Time `json:"modified"`
	Attributes
	Ref string `json:"ref"`
	// Parts are the references of a multipart object, in order; Ref is then empty.
	Parts []Piece `json:"parts,omitempty"`
}

// Piece is a part of a multipart object.
type Piece struct {
	Ref  string `json:"ref"`
	Size int64  `json:"size"`
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// CreateBucket makes a bucket; one that exists is a Conflict.
func (s *Space) CreateBucket(ctx context.Context, tenant, name string) error {
	if !bucketName.MatchString(name) {
		return model.Errorf(model.Invalid, "bucket", "The specified bucket is not valid.").
			WithHint("A name has 3 to 63 lower-case letters, digits, dots and hyphens.")
	}
	now := s.cfg.Now()
	_, err := s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: bucketKind, ID: name, CreatedAt: now, UpdatedAt: now})
	if errors.Is(err, document.ErrConflict) {
		return model.Errorf(model.Conflict, "bucket", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	return err
}

// HeadBucket answers whether a bucket exists, with NotFound where it does not.
func (s *Space) HeadBucket(ctx context.Context, tenant, name string) error {
	_, err := s.cfg.Documents.Get(ctx, tenant, bucketKind, name)
	if errors.Is(err, document.ErrNotFound) {
		return model.Errorf(model.NotFound, "bucket", "The specified bucket does not exist.")
	}
	return err
}

// Buckets lists the tenant's buckets by name.
func (s *Space) Buckets(ctx context.Context, tenant string) ([]Bucket, error) {
	docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: bucketKind})
	if err != nil {
		return nil, err
	}
	buckets := make([]Bucket, len(docs))
	for i, d := range docs {
		buckets[i] = Bucket{Name: d.ID, Created: d.CreatedAt}
	}
	return buckets, nil
}

// DeleteBucket removes an empty bucket and gives its unfinished uploads up; one
// with objects is a Conflict.
func (s *Space) DeleteBucket(ctx context.Context, tenant, name string) error {
	if err := s.HeadBucket(ctx, tenant, name); err != nil {
		return err
	}
	docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: objectKind, Prefix: name + "/", Limit: 1})
	if err != nil {
		return err
	}
	if len(docs) > 0 {
		return model.Errorf(model.Conflict, "bucket", "The bucket you tried to delete is not empty.")
	}
	if err := s.cfg.Documents.Delete(ctx, tenant, bucketKind, name, document.Any); err != nil {
		return err
	}
	return s.dropUploads(context.WithoutCancel(ctx), tenant, name)
}

// Put stores an object whole. verify, if not nil, is called with everything
// read and may refuse it: then nothing changes.
func (s *Space) Put(ctx context.Context, tenant, bucket, key string, r io.Reader, attr Attributes, verify func() error) (*Object, error) {
	return s.PutIf(ctx, tenant, bucket, key, r, attr, verify, Condition{})
}

// PutIf is [Space.Put] under a condition; where it does not hold nothing
// changes, and the error is of code [PreconditionFailed], or NotFound where an
// object is demanded and there is none.
func (s *Space) PutIf(ctx context.Context, tenant, bucket, key string, r io.Reader, attr Attributes, verify func() error, c Condition) (*Object, error) {
	if err := s.checkKey(ctx, tenant, bucket, key); err != nil {
		return nil, err
	}
	if err := s.allows(ctx, tenant, bucket+"/"+key, c); err != nil {
		return nil, err
	}
	return s.put(ctx, tenant, bucket, key, r, attr, verify, c)
}

func (s *Space) put(ctx context.Context, tenant, bucket, key string, r io.Reader, attr Attributes, verify func() error, c Condition) (*Object, error) {
	d, err := s.write(ctx, intent{Tenant: tenant, Object: bucket + "/" + key}, r, verify)
	if err != nil {
		return nil, err
	}
	defer d.done()
	o := &Object{Bucket: bucket, Key: key, Size: d.size, ETag: d.sum, Modified: s.cfg.Now().UTC(), Attributes: attr, Ref: d.Ref}
	err = s.note(ctx, tenant, o, c)
	switch {
	case c.refused(err):
		return nil, errors.Join(err, s.scrap(ctx, d))
	case err != nil:
		return nil, err
	}
	return o, s.settle(ctx, d)
}

// note makes an object visible and gives up the content of what it replaces.
func (s *Space) note(ctx context.Context, tenant string, o *Object, c Condition) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	doc := document.Document{Tenant: tenant, Kind: objectKind, ID: o.Bucket + "/" + o.Key, Body: body, CreatedAt: o.Modified, UpdatedAt: o.Modified}
	old, err := s.replace(ctx, doc, c)
	if err != nil || old == nil {
		return err
	}
	replaced, err := decodeObject(*old)
	if err != nil {
		return err
	}
	return s.giveUp(ctx, tenant, replaced)
}

// giveUp takes an object's bytes off the tenant's count and leaves its content
// to the sweep.
func (s *Space) giveUp(ctx context.Context, tenant string, o *Object) error {
	return errors.Join(s.discard(ctx, o.pieces()), s.refund(ctx, tenant, o.pieces()))
}

// replace puts a document where the condition holds and returns the one it
// replaces, nil where there was none. Of several writers at once each replaces
// what another one wrote, so that no content is given up twice or never.
func (s *Space) replace(ctx context.Context, doc document.Document, c Condition) (*document.Document, error) {
	for {
		var there *document.Document
		old, err := s.cfg.Documents.Get(ctx, doc.Tenant, doc.Kind, doc.ID)
		if err == nil {
			there = &old
		} else if !errors.Is(err, document.ErrNotFound) {
			return nil, err
		}
		if err := c.judge(there); err != nil {
			return nil, err
		}
		doc.Version = old.Version
		_, err = s.cfg.Documents.Put(ctx, doc)
		switch {
		case errors.Is(err, document.ErrConflict):
			continue
		case err != nil:
			return nil, err
		}
		return there, nil
	}
}

func (o *Object) pieces() []Piece {
	if len(o.Parts) > 0 {
		return o.Parts
	}
	return []Piece{{o.Ref, o.Size}}
}

// Head describes an object, or answers NotFound.
func (s *Space) Head(ctx context.Context, tenant, bucket, key string) (*Object, error) {
	if isArea(bucket) {
		return nil, s.HeadBucket(ctx, tenant, bucket)
	}
	return s.head(ctx, tenant, bucket, key)
}

func (s *Space) head(ctx context.Context, tenant, bucket, key string) (*Object, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, objectKind, bucket+"/"+key)
	if errors.Is(err, document.ErrNotFound) {
		if err := s.HeadBucket(ctx, tenant, bucket); err != nil {
			return nil, err
		}
		return nil, model.Errorf(model.NotFound, "key", "The specified key does not exist.")
	}
	if err != nil {
		return nil, err
	}
	return decodeObject(doc)
}

func decodeObject(doc document.Document) (*Object, error) {
	var o Object
	if err := json.Unmarshal(doc.Body, &o); err != nil {
		return nil, err
	}
	o.Bucket, o.Key, _ = strings.Cut(doc.ID, "/")
	return &o, nil
}

// Get opens an object. The caller closes the reader.
func (s *Space) Get(ctx context.Context, tenant, bucket, key string) (*Object, io.ReadSeekCloser, error) {
	o, err := s.Head(ctx, tenant, bucket, key)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.open(ctx, o)
	return o, r, err
}

// Delete removes an object; one that does not exist is no error, as S3 has it.
func (s *Space) Delete(ctx context.Context, tenant, bucket, key string) error {
	return s.DeleteIf(ctx, tenant, bucket, key, Condition{})
}

// DeleteIf is [Space.Delete] under a condition, with the errors of [Space.PutIf].
func (s *Space) DeleteIf(ctx context.Context, tenant, bucket, key string, c Condition) error {
	if err := s.HeadBucket(ctx, tenant, bucket); err != nil {
		return err
	}
	return s.remove(ctx, tenant, bucket, key, c)
}

func (s *Space) remove(ctx context.Context, tenant, bucket, key string, c Condition) error {
	defer s.move(tenant)()
	for {
		doc, err := s.cfg.Documents.Get(ctx, tenant, objectKind, bucket+"/"+key)
		if errors.Is(err, document.ErrNotFound) {
			return c.judge(nil)
		}
		if err == nil {
			err = c.judge(&doc)
		}
		if err != nil {
			return err
		}
		o, err := decodeObject(doc)
		if err != nil {
			return err
		}
		err = s.cfg.Documents.Delete(ctx, tenant, objectKind, doc.ID, doc.Version)
		switch {
		case errors.Is(err, document.ErrConflict), errors.Is(err, document.ErrNotFound):
			continue
		case err != nil:
			return err
		}
		return s.giveUp(ctx, tenant, o)
	}
}

func (s *Space) checkKey(ctx context.Context, tenant, bucket, key string) error {
	if key == "" || len(key) > MaxKey {
		return model.Errorf(model.Invalid, "key", "Your key is too long or empty.").WithHint("A key has 1 to 1024 bytes of UTF-8.")
	}
	return s.HeadBucket(ctx, tenant, bucket)
}
