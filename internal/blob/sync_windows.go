//go:build windows

package blob

import "os"

// syncDirectory does nothing: Windows cannot sync a directory.
func syncDirectory(*os.File) error { return nil }
