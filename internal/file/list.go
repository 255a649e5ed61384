package file

import (
	"context"
	"io"

	"github.com/craton-ai/craton/internal/document/collection"
)

// List selects a page.
type List struct {
	// Purpose restricts to files of one purpose; empty for every one.
	Purpose Purpose
	// After is the id of the last file of the page before; empty for the first
	// page. It need not exist any more.
	After string
	// Ascending lists the oldest first.
	Ascending bool
	// Limit is the greatest length of the page, at least 1.
	Limit int
}

// List returns a page of files and whether more follow.
func (s *Store) List(ctx context.Context, tenant string, list List) (page []File, more bool, err error) {
	query := collection.Query{After: list.After, Ascending: list.Ascending}
	err = s.each(ctx, tenant, query, func(f File) (bool, error) {
		if list.Purpose != "" && f.Purpose != list.Purpose {
			return true, nil
		}
		if more = len(page) == list.Limit; more {
			return false, nil
		}
		page = append(page, f)
		return true, nil
	})
	return page, more, err
}

// Each calls f for every file that a search may look through, those of the
// purposes assistants and user_data, newest first, until f returns an error,
// which Each returns as it is. The file's content can be opened until then.
func (s *Store) Each(ctx context.Context, tenant string, f func(file File, open func() (io.ReadCloser, error)) error) error {
	return s.each(ctx, tenant, collection.Query{}, func(file File) (bool, error) {
		if file.Purpose != "assistants" && file.Purpose != "user_data" {
			return true, nil
		}
		return true, f(file, func() (io.ReadCloser, error) { return s.open(ctx, tenant, file.ID) })
	})
}

// read is how many records are read at once.
const read = 500

// each calls f for files that are still there, until it returns false.
func (s *Store) each(ctx context.Context, tenant string, query collection.Query, f func(File) (bool, error)) error {
	query.Limit = read
	for {
		records, more, err := s.files.List(ctx, tenant, query)
		if err != nil {
			return err
		}
		for _, r := range records {
			query.After = r.ID
			if s.over(r) {
				continue
			}
			if on, err := f(show(r)); err != nil || !on {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}
