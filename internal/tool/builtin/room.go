package builtin

import (
	"context"

	"github.com/craton-ai/craton/internal/model"
)

// unit is what a room is divided into.
const unit = 1 << 20

// room bounds what several hold together. Whoever takes more than there is takes
// all of it. It is safe for concurrent use; nobody takes twice.
type room struct {
	turn  chan struct{} // one at a time takes: two that each had a part would wait for ever
	units chan struct{}
}

func newRoom(bytes int64) room {
	return room{turn: make(chan struct{}, 1), units: make(chan struct{}, bytes/unit)}
}

// take waits for room and returns what gives it back.
func (r room) take(ctx context.Context, bytes int64) (give func(), err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, model.AsError(context.Cause(ctx))
	}
	taken := 0
	give = func() {
		for range taken {
			<-r.units
		}
	}
	for need := min(int((bytes+unit-1)/unit), cap(r.units)); taken < need; taken++ {
		select {
		case r.units <- struct{}{}:
		case <-ctx.Done():
			give()
			return nil, model.AsError(context.Cause(ctx))
		}
	}
	return give, nil
}
