package driver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestTightenedRulesHoldInMidTurn moves a session, in the middle of its turn, to
// a node whose operator lets no call pass without a yes.
func TestTightenedRulesHoldInMidTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &drivertest.Script{Op: drivertest.Counter("n")})
		ledger := drivertest.NewLedger()
		w.tools = ledger
		d, stop := w.node()
		v, err := d.Sessions().Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
			Input: []model.Message{model.UserText("plan keyed look keyed; x")}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		if _, n := ledger.Count(); n != 1 {
			t.Fatalf("%d calls were made before the rules were tightened", n)
		}
		w.rules = func(server tool.Server, name string) (tool.Class, tool.Approval) {
			if server.URL != "craton:ledger" || name != "keyed" {
				t.Errorf("asked about %s of %s", name, server.URL)
			}
			return "", tool.ApproveAlways
		}
		d, stop = w.node()
		defer stop()
		p := parked{T: t, w: w, s: d.Sessions(), id: v.State.Session}
		looking := p.get().Actions()[0]
		p.turn = looking.Turn.ID
		if err := p.result(looking.Call.ID, "seen"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		actions := p.get().Actions()
		if _, n := ledger.Count(); len(actions) != 1 || actions[0].Call.Tool != "keyed" || actions[0].Call.State != agent.CallAsked || n != 1 {
			t.Fatalf("the next call did not wait for a yes: %+v, %d calls made", actions, n)
		}
		if err := p.decide(actions[0].Call.Request, "approve"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, n := ledger.Count(); p.get().State.Status() != agent.Idle || n != 2 {
			t.Errorf("after the yes the session is %s, %d calls made", p.get().State.Status(), n)
		}
	})
}
