package blob

import (
	"os"
	"path/filepath"
)

// MayCount reports whether a count could run at this moment.
func (s *Space) MayCount(tenant string) bool {
	b := s.book(tenant)
	if !b.moving.TryLock() {
		return false
	}
	b.moving.Unlock()
	return true
}

// Watch tells of each directory that is made durable, by its name, and fails
// where fail does.
func (d *Directory) Watch(fail func(name string) error) {
	d.sync = func(f *os.File) error { return fail(filepath.Base(f.Name())) }
}
