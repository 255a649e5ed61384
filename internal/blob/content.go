package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/document"
)

// Content keeps bytes by reference. Implementations are safe for concurrent use.
type Content interface {
	// Write stores what r yields under ref, durably, and returns its length. A
	// failed write leaves nothing.
	Write(ctx context.Context, ref string, r io.Reader) (int64, error)
	// Open reads a reference; an unknown one is an error that wraps fs.ErrNotExist.
	Open(ctx context.Context, ref string) (io.ReadSeekCloser, error)
	// Remove deletes a reference; removing an unknown one is no error.
	Remove(ctx context.Context, ref string) error
}

// references are made by this package; nothing a caller sends names a file.
var reference = regexp.MustCompile(`^[0-9a-z-]{8,64}$`)

// Directory is Content in a directory of this machine.
type Directory struct {
	root *os.Root
	// sync makes the entries of a directory durable.
	sync func(*os.File) error
	mu   sync.Mutex
	// kept are the directories below root whose own entry is durable.
	kept map[string]bool
}

// OpenDirectory makes dir if needed and returns it as Content. It holds the
// directory open: Close it.
func OpenDirectory(dir string) (*Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDirectory(parent), parent.Close()); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	return &Directory{root: root, sync: syncDirectory, kept: map[string]bool{}}, err
}

// Close gives the directory up.
func (d *Directory) Close() error { return d.root.Close() }

func (d *Directory) path(ref string) (string, error) {
	if !reference.MatchString(ref) {
		return "", fmt.Errorf("blob: malformed reference %q", ref)
	}
	return path.Join(ref[:2], ref), nil
}

// Write stores a file: it is written aside, synced and renamed.
func (d *Directory) Write(_ context.Context, ref string, r io.Reader) (n int64, err error) {
	name, err := d.path(ref)
	if err != nil {
		return 0, err
	}
	if err := d.keep(ref[:2]); err != nil {
		return 0, err
	}
	part := name + ".part"
	f, err := d.root.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(f, r)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = d.root.Rename(part, name)
	}
	if err == nil {
		err = d.syncDir(ref[:2])
	}
	if err != nil {
		return n, errors.Join(err, ignoreMissing(d.root.Remove(part)))
	}
	return n, nil
}

// keep makes a directory below root, durably: one that was made and is lost by
// a failure of power takes every file in it along.
func (d *Directory) keep(name string) error {
	if err := d.root.MkdirAll(name, 0o700); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept[name] {
		return nil
	}
	// It may have been made by an earlier process that stopped right then.
	if err := d.syncDir("."); err != nil {
		return err
	}
	d.kept[name] = true
	return nil
}

func (d *Directory) syncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f), f.Close())
}

// Open opens a file.
func (d *Directory) Open(_ context.Context, ref string) (io.ReadSeekCloser, error) {
	name, err := d.path(ref)
	if err != nil {
		return nil, err
	}
	return d.root.Open(filepath.FromSlash(name))
}

// Remove deletes a file, and what a crash left of its writing. A reader that
// has it open reads on.
func (d *Directory) Remove(_ context.Context, ref string) error {
	name, err := d.path(ref)
	if err != nil {
		return err
	}
	return errors.Join(ignoreMissing(d.root.Remove(name)), ignoreMissing(d.root.Remove(name+".part")))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Documents is Content in a document store, for replicas that share a
// database: bytes lie there in pieces.
type Documents struct {
	Store document.Store
	Now   func() time.Time
}

// piece is how much one document holds.
const (
	piece     = 1 << 20
	pieceKind = "blob.piece"
)

func pieceID(ref string, n int64) string { return fmt.Sprintf("%s/%08d", ref, n) }

// Write stores the pieces; readers find them by reference only once the caller
// has noted it.
func (d *Documents) Write(ctx context.Context, ref string, r io.Reader) (int64, error) {
	if !reference.MatchString(ref) {
		return 0, fmt.Errorf("blob: malformed reference %q", ref)
	}
	var total int64
	buf := make([]byte, piece)
	for i := int64(0); ; i++ {
		n, end, err := fill(r, buf)
		if err != nil {
			return total, errors.Join(err, d.Remove(context.WithoutCancel(ctx), ref))
		}
		if n == 0 && i > 0 {
			return total, nil
		}
		now := d.Now()
		doc := document.Document{Kind: pieceKind, ID: pieceID(ref, i), Version: document.Any, Body: append([]byte(nil), buf[:n]...), CreatedAt: now, UpdatedAt: now}
		if _, perr := d.Store.Put(ctx, doc); perr != nil {
			return total, errors.Join(perr, d.Remove(context.WithoutCancel(ctx), ref))
		}
		total += int64(n)
		if end {
			return total, nil
		}
	}
}

// fill reads until buf is full or r ends, and says which. Only a bare io.EOF is
// r's end: io.ReadFull would also take a body that was cut off for a whole one.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// Open reads the pieces one by one.
func (d *Documents) Open(ctx context.Context, ref string) (io.ReadSeekCloser, error) {
	p := &pieces{ctx: ctx, store: d.Store, ref: ref, at: -1}
	last, err := d.Store.List(ctx, document.Query{Kind: pieceKind, Prefix: ref + "/", Descending: true, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(last) == 0 {
		return nil, fmt.Errorf("blob: %s: %w", ref, fs.ErrNotExist)
	}
	var n int64
	if _, err := fmt.Sscanf(last[0].ID[len(ref)+1:], "%d", &n); err != nil {
		return nil, err
	}
	p.size = n*piece + int64(len(last[0].Body))
	return p, nil
}

// Remove deletes the pieces.
func (d *Documents) Remove(ctx context.Context, ref string) error {
	for {
		docs, err := d.Store.List(ctx, document.Query{Kind: pieceKind, Prefix: ref + "/", Limit: 100})
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			if err := d.Store.Delete(ctx, "", pieceKind, doc.ID, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
				return err
			}
		}
	}
}

// pieces reads a blob out of its documents.
type pieces struct {
	ctx    context.Context
	store  document.Store
	ref    string
	size   int64
	offset int64
	at     int64 // the piece in body; -1 none
	body   []byte
}

func (p *pieces) Read(dst []byte) (int, error) {
	if p.offset >= p.size {
		return 0, io.EOF
	}
	if n := p.offset / piece; n != p.at {
		doc, err := p.store.Get(p.ctx, "", pieceKind, pieceID(p.ref, n))
		if err != nil {
			return 0, fmt.Errorf("blob: %s lost a piece: %w", p.ref, err)
		}
		p.at, p.body = n, doc.Body
	}
	n := copy(dst, p.body[p.offset%piece:])
	p.offset += int64(n)
	return n, nil
}

func (p *pieces) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.offset
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("blob: seek before the start")
	}
	p.offset = offset
	return offset, nil
}

func (p *pieces) Close() error { return nil }
