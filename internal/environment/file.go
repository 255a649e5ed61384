package environment

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// MaxPath is the length of the longest path of a file, in bytes.
const MaxPath = 900

// fileKind are the files of environments, by environment and path. In ids the
// parts of a path are parted by [separator], which sorts before whatever a part
// may hold, so that files are listed part by part.
const (
	fileKind  = "environment.file"
	separator = "\x01"
)

// File is a file of an environment.
type File struct {
	Path string
	Size int64
}

// storedFile is what is kept of a file beside its content.
type storedFile struct {
	Size int64 `json:"size"`
	// Key names the content.
	Key string `json:"key"`
}

// FileQuery selects a page of files.
type FileQuery struct {
	// Directory restricts to what lies below it, as deep as it goes; empty for
	// all. It is an absolute path.
	Directory string
	Ascending bool
	// Limit caps the page, 1 to 999.
	Limit int
	// Token is the one that the page before gave; empty for the first page. It
	// is good for the same directory and order only.
	Token string
}

// PutFile keeps a file for an environment; one at the same path is replaced.
func (s *Store) PutFile(ctx context.Context, tenant, id, at string, content io.Reader) (File, error) {
	if err := checkPath(at); err != nil {
		return File{}, err
	}
	env, err := s.Get(ctx, tenant, id)
	if err != nil {
		return File{}, err
	}
	if env.Value.Status == Failed {
		return File{}, model.Errorf(model.Conflict, id, "The environment has failed and takes no more files.")
	}
	object, err := s.files.Put(ctx, tenant, id+"/"+s.cfg.NewID(), content, blob.Attributes{})
	if err != nil {
		return File{}, err
	}
	old, err := s.noteFile(ctx, tenant, fileID(id, at), storedFile{object.Size, object.Key})
	if err != nil {
		return File{}, errors.Join(err, s.files.Delete(context.WithoutCancel(ctx), tenant, object.Key))
	}
	if old != nil {
		if err := s.files.Delete(ctx, tenant, old.Key); err != nil {
			return File{}, err
		}
	}
	return File{at, object.Size}, nil
}

// noteFile makes a file visible and returns the one it replaces, nil for none.
func (s *Store) noteFile(ctx context.Context, tenant, id string, f storedFile) (*storedFile, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	for {
		old, err := s.cfg.Documents.Get(ctx, tenant, fileKind, id)
		found := err == nil
		if err != nil && !errors.Is(err, document.ErrNotFound) {
			return nil, err
		}
		now := s.cfg.Now()
		_, err = s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: fileKind, ID: id, Version: old.Version, Body: body,
			CreatedAt: now, UpdatedAt: now})
		if errors.Is(err, document.ErrConflict) {
			continue
		}
		if err != nil || !found {
			return nil, err
		}
		var replaced storedFile
		return &replaced, json.Unmarshal(old.Body, &replaced)
	}
}

// OpenFile opens a file, or answers NotFound. The caller closes the reader.
func (s *Store) OpenFile(ctx context.Context, tenant, id, at string) (File, io.ReadSeekCloser, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, fileKind, fileID(id, at))
	if errors.Is(err, document.ErrNotFound) {
		return File{}, nil, model.Errorf(model.NotFound, at, "The environment has no file at '%s'.", at)
	}
	if err != nil {
		return File{}, nil, err
	}
	var f storedFile
	if err := json.Unmarshal(doc.Body, &f); err != nil {
		return File{}, nil, model.Wrap(model.Internal, "environment.OpenFile", err)
	}
	_, content, err := s.files.Get(ctx, tenant, f.Key)
	return File{at, f.Size}, content, err
}

// Files returns a page of an environment's files in the order of their paths'
// parts, and the token of the next page, empty on the last one.
func (s *Store) Files(ctx context.Context, tenant, id string, q FileQuery) (page []File, next string, err error) {
	if _, err := s.Get(ctx, tenant, id); err != nil {
		return nil, "", err
	}
	prefix := fileID(id, "/")
	if q.Directory != "" && q.Directory != "/" {
		if err := checkPath(q.Directory); err != nil {
			return nil, "", err
		}
		prefix = fileID(id, q.Directory+"/")
	}
	after, err := q.after(id)
	if err != nil {
		return nil, "", err
	}
	docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: fileKind, Prefix: prefix, After: after,
		Descending: !q.Ascending, Limit: q.Limit + 1})
	if err != nil {
		return nil, "", err
	}
	for _, doc := range docs[:min(q.Limit, len(docs))] {
		var f storedFile
		if err := json.Unmarshal(doc.Body, &f); err != nil {
			return nil, "", model.Wrap(model.Internal, "environment.Files", err)
		}
		page = append(page, File{filePath(id, doc.ID), f.Size})
	}
	if len(docs) > q.Limit {
		next = q.token(page[len(page)-1].Path)
	}
	return page, next, nil
}

// removeFiles removes all files of an environment that is no more.
func (s *Store) removeFiles(ctx context.Context, tenant, id string) error {
	for {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: fileKind, Prefix: id + "/", Limit: 200})
		if err != nil {
			return err
		}
		for _, doc := range docs {
			if err := s.cfg.Documents.Delete(ctx, tenant, fileKind, doc.ID, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
				return err
			}
		}
		if len(docs) == 0 {
			return s.clear(ctx, s.files, tenant, id)
		}
	}
}

// clear removes what an area holds for an id.
func (s *Store) clear(ctx context.Context, area *blob.Area, tenant, id string) error {
	for {
		page, err := area.List(ctx, tenant, blob.Query{Prefix: id + "/", Limit: 200})
		if err != nil || len(page.Objects) == 0 {
			return err
		}
		for _, o := range page.Objects {
			if err := area.Delete(ctx, tenant, o.Key); err != nil {
				return err
			}
		}
	}
}

func fileID(id, at string) string { return id + "/" + strings.ReplaceAll(at, "/", separator) }

func filePath(id, doc string) string {
	return strings.ReplaceAll(strings.TrimPrefix(doc, id+"/"), separator, "/")
}

// checkPath refuses what is no clean absolute path.
func checkPath(at string) error {
	if len(at) > MaxPath {
		return model.Errorf(model.Invalid, "path", "The path has %d bytes; the limit is %d.", len(at), MaxPath)
	}
	if !strings.HasPrefix(at, "/") || path.Clean(at) != at || at == "/" || strings.ContainsFunc(at, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return model.Errorf(model.Invalid, "path", "The path must be absolute, with no slash at its end, no '.' or '..' in it, and no control characters.")
	}
	return nil
}

// order is how a query's order is written in tokens.
func (q *FileQuery) order() string {
	if q.Ascending {
		return "asc"
	}
	return "desc"
}

// token continues the query after a path.
func (q *FileQuery) token(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(q.order() + separator + q.Directory + separator + last))
}

// after is the id of the document that the page begins after.
func (q *FileQuery) after(id string) (string, error) {
	if q.Token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.Token)
	parts := strings.Split(string(raw), separator)
	if err != nil || len(parts) != 3 || parts[0] != q.order() || parts[1] != q.Directory || checkPath(parts[2]) != nil {
		return "", model.Errorf(model.Invalid, "page", "This is no token of a page of this list.").
			WithHint("Send the `next` of the page before, with the same path and order.")
	}
	return fileID(id, parts[2]), nil
}
