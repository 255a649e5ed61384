package builtin

import (
	"context"
	"io"
)

// Files gives the texts that the file search looks through. It is safe for
// concurrent use.
type Files interface {
	// Each calls fn for every file of the tenant that a search may see, newest
	// first, and stops at fn's first error, which it returns as it is. Other
	// errors are *model.Error.
	Each(ctx context.Context, tenant string, fn func(File) error) error
}

// File is one uploaded file. Its content never changes under its ID.
type File struct {
	// ID is the name clients know it by ("file-…").
	ID string
	// Name is the file name it was uploaded with.
	Name string
	// MIME is its media type; empty when unknown.
	MIME string
	// Size is its length in bytes.
	Size int64
	// Open reads its content from the start; the caller closes it. It is valid
	// until fn of [Files] returns.
	Open func() (io.ReadCloser, error)
}

// Documents reads the text out of files that are no plain text. It is safe for
// concurrent use.
type Documents interface {
	// Reads reports whether it reads documents of a media type.
	Reads(kind string) bool
	// Text returns the text of a document. Errors are *model.Error.
	Text(ctx context.Context, kind string, data []byte) (string, error)
}
