//go:build unix

package blob

import "os"

// syncDirectory makes a rename durable.
func syncDirectory(dir *os.File) error { return dir.Sync() }
