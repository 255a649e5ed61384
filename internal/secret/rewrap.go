package secret

import (
	"context"
	"errors"
)

// maxPasses bounds RewrapAll: a pass takes moments, and what it may miss is
// only what was being written while it went by.
const maxPasses = 10

// RewrapAll runs the passes, each of which protects one kind of secret with the
// current master key and counts what it changed, until none finds anything to
// change. One pass is not enough: a secret sealed just before the key was
// replaced may be written after the pass went by, and would be lost with the
// old key. It returns how many were changed. Call it before [Retire].
func RewrapAll(ctx context.Context, passes ...func(context.Context) (int, error)) (changed int, err error) {
	for range maxPasses {
		found := 0
		for _, pass := range passes {
			n, err := pass(ctx)
			if found += n; err != nil {
				return changed + found, err
			}
		}
		if changed += found; found == 0 {
			return changed, nil
		}
	}
	return changed, errors.New("secret: secrets were still being sealed with an old master key: rotate again")
}
