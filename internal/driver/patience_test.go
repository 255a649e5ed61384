package driver

import (
	"testing"

	"github.com/craton-ai/craton/internal/agent"
)

// TestReadersLookForWhatIsSaidElsewhere: while a model speaks, a reader looks
// often, unless whatever is said is told here.
func TestReadersLookForWhatIsSaidElsewhere(t *testing.T) {
	t.Parallel()
	feeds, k := newFeeds(), key{"t1", "ses_x"}
	state := agent.NewState()
	state.Runs = []*agent.Run{{Seq: 3, Kind: agent.RunModel}}
	tail := &Tail{d: &Driver{}, feed: feeds.open(k), p: agent.NewProjector(state), behind: map[uint64]bool{}}
	if got := tail.patience(); got != lookBusy {
		t.Errorf("without owner it waits %v, want %v", got, lookBusy)
	}
	owner := feeds.own(k)
	if got := tail.patience(); got != lookOften {
		t.Errorf("with the owner here it waits %v, want %v", got, lookOften)
	}
	tail.behind[3] = true
	if got := tail.patience(); got != lookBusy {
		t.Errorf("where the store is to catch up with what it was told it waits %v, want %v", got, lookBusy)
	}
	delete(tail.behind, 3)
	change := tail.feed.watch()
	feeds.disown(owner)
	select {
	case <-change:
	default:
		t.Error("it does not learn that the owner went")
	}
	if got := tail.patience(); got != lookBusy {
		t.Errorf("after the owner went it waits %v, want %v", got, lookBusy)
	}
}
