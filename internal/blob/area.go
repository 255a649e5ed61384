package blob

import (
	"context"
	"io"
	"strings"
)

// areaMark begins the name under which an area's objects are kept. No bucket
// may have such a name, and so none exists.
const areaMark = "!"

func isArea(bucket string) bool { return strings.HasPrefix(bucket, areaMark) }

// Area is a part of every tenant's space that no name of a bucket reaches: what
// the server keeps for the tenant itself, such as the files of its
// environments. It needs no creating; its objects count towards the quota and
// are swept as others are. It is safe for concurrent use.
type Area struct {
	space *Space
	name  string
}

// Area returns the area of a name, a short constant of the package that owns it.
func (s *Space) Area(name string) *Area { return &Area{s, areaMark + name} }

// Put stores an object whole; see [Space.Put].
func (a *Area) Put(ctx context.Context, tenant, key string, r io.Reader, attr Attributes) (*Object, error) {
	return a.space.put(ctx, tenant, a.name, key, r, attr, nil, Condition{})
}

// Get opens an object, or answers NotFound. The caller closes the reader.
func (a *Area) Get(ctx context.Context, tenant, key string) (*Object, io.ReadSeekCloser, error) {
	o, err := a.space.head(ctx, tenant, a.name, key)
	if err != nil {
		return nil, nil, err
	}
	r, err := a.space.open(ctx, o)
	return o, r, err
}

// List returns a page of objects ordered by key.
func (a *Area) List(ctx context.Context, tenant string, q Query) (*Page, error) {
	return a.space.list(ctx, tenant, a.name, q)
}

// Delete removes an object; one that does not exist is no error.
func (a *Area) Delete(ctx context.Context, tenant, key string) error {
	return a.space.remove(ctx, tenant, a.name, key, Condition{})
}
