package file

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
)

const (
	// DefaultMaxBytes bounds a file where nobody says.
	DefaultMaxBytes = 512 << 20
	// MaxName bounds a file's name in bytes.
	MaxName = 512
	// BatchLife is how long a file for batches is kept where nobody says.
	BatchLife = 30 * 24 * time.Hour
)

// bucket is where contents lie, in an area that is no tenant's object space.
const bucket = "files"

// area is the owner of a tenant's contents in the space. No tenant's id begins
// like this, so that no signed request reaches it.
func area(tenant string) string { return "file:" + tenant }

// Config is what a [Store] needs; Documents, Space, Now and NewID are required.
type Config struct {
	Documents document.Store
	// Space keeps the contents. Its quota holds for each tenant's files.
	Space *blob.Space
	Now   func() time.Time
	// NewID makes random text; hyphens in it are dropped.
	NewID func() string
	// MaxBytes bounds one file; 0 means [DefaultMaxBytes].
	MaxBytes int64
}

// Store keeps files. It is safe for concurrent use, by any number of processes
// on one document store.
type Store struct {
	cfg   Config
	files *collection.Collection[record]
}

// New returns a Store.
func New(cfg Config) *Store {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	return &Store{cfg, collection.New[record](collection.Config{Documents: cfg.Documents, Kind: "file", Prefix: "file-", Noun: "file",
		Form: 1, Now: cfg.Now, NewID: cfg.NewID})}
}

// File describes an uploaded file.
type File struct {
	ID string
	// Name is the file's as it was uploaded, without a path.
	Name string
	// MIME is its media type; "application/octet-stream" when unknown.
	MIME    string
	Size    int64
	Purpose Purpose
	Created time.Time
	// Expires is when it goes; zero for never.
	Expires time.Time
}

// record is what is stored of a file.
type record struct {
	Name    string  `json:"name"`
	MIME    string  `json:"mime"`
	Size    int64   `json:"size"`
	Purpose Purpose `json:"purpose"`
	// Life is how many seconds it is kept after it was created; 0 is for ever.
	Life int64 `json:"life,omitzero"`
}

// expires is when a file goes: whole seconds after the second in which it was
// created, which is what clients see. Zero is never.
func expires(r collection.Record[record]) time.Time {
	if r.Value.Life == 0 {
		return time.Time{}
	}
	return r.Created.Truncate(time.Second).Add(time.Duration(r.Value.Life) * time.Second)
}

// Purpose is what a file was uploaded for.
type Purpose string

// Purposes returns what files may be uploaded for. The slice is the caller's.
func Purposes() []Purpose {
	return []Purpose{"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}
}

// Upload is a file to be kept.
type Upload struct {
	// Name is what the client calls it.
	Name string
	// MIME is what the client says of its type; empty or
	// "application/octet-stream" leaves it to the name.
	MIME    string
	Content io.Reader
	// Finish is called once Content was read to its end, and tells what came
	// after it. Its error refuses the file and is returned as it is.
	Finish func() (Terms, error)
}

// Terms are what else is said of an upload.
type Terms struct {
	Purpose Purpose
	// Life is how long the file is kept, in whole seconds; 0 means for ever, and
	// for batches [BatchLife].
	Life time.Duration
}

// Create keeps a file. Errors are about the parameters "file" and "purpose", or
// of kind TooLarge for a file or, with the code [blob.QuotaExceeded], a tenant
// beyond its limit.
func (s *Store) Create(ctx context.Context, tenant string, up Upload) (File, error) {
	name, err := plainName(up.Name)
	if err != nil {
		return File{}, err
	}
	rec := record{Name: name, MIME: mediaType(up.MIME, name)}
	id := s.files.NewID()
	content := &limited{Reader: up.Content, left: s.cfg.MaxBytes, most: s.cfg.MaxBytes}
	object, err := s.put(ctx, tenant, id, content, func() error {
		terms, err := up.Finish()
		if err == nil {
			err = rec.accept(terms)
		}
		return err
	})
	if err != nil {
		return File{}, s.fault(err)
	}
	rec.Size = object.Size
	kept, err := s.files.CreateAs(ctx, tenant, id, rec)
	if err != nil {
		return File{}, err // the content stays until the sweep finds that nobody names it
	}
	return show(kept), nil
}

// put stores a content, making room for a tenant's first one.
func (s *Store) put(ctx context.Context, tenant, id string, r io.Reader, verify func() error) (*blob.Object, error) {
	err := s.cfg.Space.HeadBucket(ctx, area(tenant), bucket)
	if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
		err = s.cfg.Space.CreateBucket(ctx, area(tenant), bucket)
		if e := model.AsError(err); e != nil && e.Kind == model.Conflict {
			err = nil // another upload made it
		}
	}
	if err != nil {
		return nil, err
	}
	return s.cfg.Space.Put(ctx, area(tenant), bucket, id, r, blob.Attributes{}, verify)
}

// accept takes the terms of an upload over.
func (r *record) accept(terms Terms) error {
	known := Purposes()
	found := false
	names := make([]string, len(known))
	for i, p := range known {
		found = found || p == terms.Purpose
		names[i] = "'" + string(p) + "'"
	}
	if !found {
		return model.Errorf(model.Invalid, "purpose", "'%s' is not one of %s.", terms.Purpose, strings.Join(names, ", "))
	}
	r.Purpose = terms.Purpose
	if terms.Life == 0 && terms.Purpose == "batch" {
		terms.Life = BatchLife
	}
	r.Life = int64(terms.Life / time.Second)
	return nil
}

// fault words the space's errors for a client that knows files only.
func (s *Store) fault(err error) error {
	if e := model.AsError(err); e.Code == blob.QuotaExceeded {
		return &model.Error{Kind: model.TooLarge, Code: blob.QuotaExceeded, Message: "The files of this tenant take as much room as they may.",
			Hint: "Delete files, or ask the operator for more room (limits.tenant_file_bytes).", Err: err}
	}
	return err
}

// limited refuses a file that is too long.
type limited struct {
	io.Reader
	left, most int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, model.Errorf(model.TooLarge, "file", "The file is larger than %d bytes.", l.most).
			WithHint("Split it, or have the operator raise limits.max_file_bytes.")
	}
	return n, err
}

// plainName checks a file's name.
func plainName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", model.Errorf(model.Invalid, "file", "The part 'file' has no file name.").WithHint("Send it as a file, with a name.")
	case len(name) > MaxName, !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return "", model.Errorf(model.Invalid, "file", "The file's name must be at most %d bytes of UTF-8 without control characters.", MaxName)
	}
	return name, nil
}

// Get describes a file, or answers NotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (File, error) {
	rec, err := s.files.Get(ctx, tenant, id)
	if errors.Is(err, document.ErrInvalid) || err == nil && s.over(rec) {
		return File{}, model.Errorf(model.NotFound, id, "No such file: '%s'.", id)
	}
	return show(rec), err
}

// Open describes a file and opens its content, or answers NotFound. The caller
// closes the reader.
func (s *Store) Open(ctx context.Context, tenant, id string) (File, io.ReadSeekCloser, error) {
	f, err := s.Get(ctx, tenant, id)
	if err != nil {
		return f, nil, err
	}
	r, err := s.open(ctx, tenant, id)
	return f, r, err
}

// open reads a file's content.
func (s *Store) open(ctx context.Context, tenant, id string) (io.ReadSeekCloser, error) {
	_, r, err := s.cfg.Space.Get(ctx, area(tenant), bucket, id)
	if e := model.AsError(err); e != nil && e.Kind == model.NotFound { // deleted meanwhile
		return nil, model.Errorf(model.NotFound, id, "No such file: '%s'.", id)
	}
	return r, err
}

// Delete removes a file, or answers NotFound. Whoever reads it may read on for
// [blob.Grace].
func (s *Store) Delete(ctx context.Context, tenant, id string) error {
	if _, err := s.Get(ctx, tenant, id); err != nil {
		return err
	}
	if err := s.files.Delete(ctx, tenant, id); err != nil {
		return err
	}
	return s.cfg.Space.Delete(ctx, area(tenant), bucket, id)
}

// over reports whether a file's time is over.
func (s *Store) over(r collection.Record[record]) bool {
	end := expires(r)
	return !end.IsZero() && !s.cfg.Now().Before(end)
}

func show(r collection.Record[record]) File {
	return File{ID: r.ID, Name: r.Value.Name, MIME: r.Value.MIME, Size: r.Value.Size, Purpose: r.Value.Purpose, Created: r.Created, Expires: expires(r)}
}
