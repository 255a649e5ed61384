package driver_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// TestProgramWaitsWithoutAPlace: a program whose call waits for a person gives
// its place back, is run again once there is a decision, and makes no call twice.
func TestProgramWaitsWithoutAPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := &drivertest.Script{Op: drivertest.Counter("n")}
		w := newWorld(t, script)
		ledger := drivertest.NewLedger()
		w.tools = ledger
		var running, runs atomic.Int64
		d, stop := w.with(func(c *driver.Config) {
			c.Program = func(ctx context.Context, code string, call func(context.Context, int, string, string) (tool.Result, error)) (tool.Result, error) {
				running.Add(1)
				runs.Add(1)
				defer running.Add(-1)
				for n, name := range []string{"keyed", "guarded"} {
					if _, err := call(ctx, n, drivertest.Label+"__"+name, `{"op":"`+code+name+`"}`); err != nil {
						return tool.Result{}, err
					}
				}
				return tool.Result{Content: []model.Part{&model.Text{Text: "ran"}}}, nil
			}
		})
		defer stop()
		s := d.Sessions()
		v, err := s.Create(t.Context(), driver.Creation{Tenant: "t1", Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking},
			Input: []model.Message{model.UserText(drivertest.PlanPrefix + "program")}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute) // longer than a program may run
		id := v.State.Session
		if v, err = s.Get(t.Context(), "t1", id); err != nil || v.Status() != agent.RequiresAction || running.Load() != 0 || d.Owned() != 0 {
			t.Fatalf("the session is %s, %d programs run, %d sessions are owned, %v", v.Status(), running.Load(), d.Owned(), err)
		}
		yes := &agent.Decision{Request: v.Actions()[0].Call.Request, Decision: "approve", By: "key_1"}
		if err := s.Send(t.Context(), driver.Input{Tenant: "t1", Session: id, Bodies: []agent.Body{yes}}); err != nil {
			t.Fatal(err)
		}
		v = settled(t, s, id)
		if v.Root().Turn.Status != agent.TurnCompleted || runs.Load() != 2 {
			t.Errorf("the turn is %s after %d runs", v.Root().Turn.Status, runs.Load())
		}
		if operations, calls := ledger.Count(); operations != 2 || calls != 2 {
			t.Errorf("%d calls were made for %d operations", calls, operations)
		}
	})
}
