package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// ErrCorrupt says that journals do not verify; what they are is in the report.
var ErrCorrupt = errors.New("transfer: journals do not verify")

// Copied is what a copy did.
type Copied struct {
	// Rows are counted by table.
	Rows map[string]int
	// Source and Target are what checks of the two found.
	Source, Target Report
}

// Copy checks everything in from, copies it to to, and checks that. Nothing is
// copied from a store that does not verify ([ErrCorrupt]). Unless replace is
// set, a target that holds anything is refused with [sqlstore.ErrNotEmpty];
// with it, what the target held is replaced.
//
// From must not change meanwhile: take a backup of a store in use and copy
// that. Of a target that other replicas use, they see the old or the new.
func Copy(ctx context.Context, from, to *sqlstore.DB, replace bool) (Copied, error) {
	var c Copied
	var err error
	if c.Source, err = Check(ctx, from); err != nil {
		return c, err
	}
	if c.Source.Faulty > 0 {
		return c, fmt.Errorf("%w: %d of %d sessions: nothing was copied", ErrCorrupt, c.Source.Faulty, c.Source.Sessions)
	}
	if c.Rows, err = to.CopyFrom(ctx, from, replace); err != nil {
		return c, err
	}
	if c.Target, err = Check(ctx, to); err != nil {
		return c, err
	}
	if c.Target.Faulty > 0 || c.Target.Sessions < c.Source.Sessions || c.Target.Events < c.Source.Events {
		return c, fmt.Errorf("%w: the copy has %d sessions and %d events, %d faulty, of %d and %d",
			ErrCorrupt, c.Target.Sessions, c.Target.Events, c.Target.Faulty, c.Source.Sessions, c.Source.Events)
	}
	return c, nil
}
