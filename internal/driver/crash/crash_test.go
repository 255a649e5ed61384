//go:build unix

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	if raw := os.Getenv(orderEnv); raw != "" {
		var o order
		err := json.Unmarshal([]byte(raw), &o)
		if err == nil {
			err = serve(o)
		}
		if errors.Is(err, context.Canceled) {
			os.Exit(0) // it was told to
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // it should have been killed
	}
	os.Exit(postgrestest.Main(m))
}

// kills is how often to kill on each store.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("CRATON_CRASH_KILLS")); err == nil {
		return n
	}
	return 15
}

// seed is what the test draws from; parts of a long form have one each.
func seed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("CRATON_CRASH_SEED"), 10, 64); err == nil {
		return n
	}
	return 7
}

// TestCrashOfServers kills servers while sessions are used.
func TestCrashOfServers(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		play(t, newFleet(t, order{SQLite: t.TempDir()}, kills()), 1, "", nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		address := postgrestest.Database(t)
		socket := strings.TrimPrefix(strings.Fields(address)[0], "host=") + "/.s.PGSQL.5432"
		p := newProxy(t, socket)
		through := strings.Replace(address, strings.Fields(address)[0], fmt.Sprintf("host=127.0.0.1 port=%s sslmode=disable",
			p.listener.Addr().String()[strings.LastIndex(p.listener.Addr().String(), ":")+1:]), 1)
		f := newFleet(t, order{Postgres: through}, kills())
		play(t, f, 3, address, func(ctx context.Context) { trouble(ctx, t, f, p) })
	})
}

// trouble cuts the network, lets it swallow what is said, and restarts the
// database.
func trouble(ctx context.Context, t *testing.T, f *fleet, p *proxy) {
	for n := 0; ctx.Err() == nil && !f.over(); n++ {
		_ = pass(ctx, time.Duration(1000+f.draw(3000))*time.Millisecond)
		if n%4 == 3 {
			postgrestest.Restart(t)
			continue
		}
		end := p.set
		if n%4 == 1 {
			end = p.swallow
		}
		end(true)
		_ = pass(ctx, time.Duration(f.draw(1500))*time.Millisecond)
		end(false)
	}
}

// play lets users use sessions of servers that are killed, and judges what is
// left. direct is the database's address where the servers' is another.
func play(t *testing.T, f *fleet, servers int, direct string, also func(context.Context)) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(f.kills)*3*time.Second+2*patience)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	var keepers, users sync.WaitGroup
	for i := range servers {
		keepers.Go(func() { f.keep(running, i) })
	}
	if also != nil {
		keepers.Go(func() { also(running) })
	}
	var mu sync.Mutex
	var all []*user
	for i := range 6 {
		users.Go(func() {
			for n := 0; !f.over() && ctx.Err() == nil; n++ {
				u := &user{f: f, name: fmt.Sprintf("u%d.%d", i, n)}
				mu.Lock()
				all = append(all, u)
				mu.Unlock()
				if err := u.live(ctx); err != nil {
					f.fail("session %s: %v", u.id, err)
					return
				}
			}
		})
	}
	users.Wait()
	stop()
	keepers.Wait()
	o := f.order
	if direct != "" {
		o.Postgres = direct
	}
	told := judge(t, f, o, all)
	operations, calls := f.ledger.Count()
	t.Logf("%d kills, %d of them while or after handing over, %d quarantines lifted, %d approvals expired, %d sessions, %d operations in %d calls, %d things told, %s",
		f.killed, f.drained, f.lifted, f.expired, len(all), operations, calls, told, time.Since(begun).Round(time.Second))
	for _, wrong := range f.wrong {
		t.Error(wrong)
	}
	if t.Failed() {
		t.Log("the last server that ended by itself said: ", f.stderr)
	}
}

// judge reads the store, which nobody uses any more.
func judge(t *testing.T, f *fleet, o order, all []*user) (told int) {
	store, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	config, err := configure("observer", store, &fatal{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := driver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := drivertest.NewOracle()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		if u.id == "" {
			continue
		}
		if err := settled(t.Context(), store, d.Sessions(), oracle, u); err != nil {
			f.fail("session %s: %v", u.id, err)
		}
		for _, r := range u.readers {
			told += r.Len()
		}
		if record := oracle.Sessions[u.id]; record != nil {
			f.expired += record.Expired
		}
	}
	if err := f.ledger.Check(oracle); err != nil {
		f.fail("%v", err)
	}
	return told
}

// settled checks one session at its end.
func settled(ctx context.Context, store stores, sessions *driver.Sessions, oracle *drivertest.Oracle, u *user) error {
	head, err := store.Head(ctx, tenant, u.id)
	if err != nil {
		return err
	}
	var events []session.Event
	for uint64(len(events)) < head.Seq {
		page, err := store.Read(ctx, tenant, u.id, uint64(len(events)), 0)
		if err != nil || len(page) == 0 {
			return fmt.Errorf("event %d of %d: %w", len(events)+1, head.Seq, err)
		}
		events = append(events, page...)
	}
	if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
		return err
	}
	if err := oracle.Read(0, events...); err != nil {
		return err
	}
	if err := oracle.Settle(u.id, u.acked); err != nil {
		return err
	}
	if _, err := sessions.Replay(ctx, tenant, u.id); err != nil {
		return err
	}
	last, err := lastTold(events)
	if err != nil {
		return err
	}
	whole := &drivertest.Transcript{Last: driver.FromStart}
	for _, reader := range append([]*drivertest.Transcript{whole}, u.readers...) {
		if reader.Last != whole.Last || reader == whole {
			if err := finish(ctx, sessions, u.id, last, reader); err != nil {
				return err
			}
		}
		if err := reader.Agree(whole, oracle.Sessions[u.id]); err != nil {
			return fmt.Errorf("a reader: %w", err)
		}
	}
	return nil
}

// lastTold is the last event that tells anything.
func lastTold(events []session.Event) (seq uint64, err error) {
	codec, err := agent.NewCodec()
	if err != nil {
		return 0, err
	}
	p := agent.NewProjector(agent.NewState())
	for _, e := range events {
		read, err := codec.Read(e)
		if err != nil {
			return 0, err
		}
		told, err := p.Next(read)
		if err != nil {
			return 0, err
		}
		if len(told) > 0 {
			seq = e.Seq
		}
	}
	return seq, nil
}

// finish reads what a reader has not been told yet.
func finish(ctx context.Context, sessions *driver.Sessions, id string, last uint64, into *drivertest.Transcript) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tail, err := sessions.Tail(ctx, tenant, id, into.Last)
	if err != nil {
		return err
	}
	defer tail.Close()
	for {
		told, err := tail.Next(ctx)
		if err != nil {
			return fmt.Errorf("after %s: %w", into.Last, err)
		}
		if err := into.Add(told); err != nil {
			return err
		}
		if told.State.Seq >= last && !tail.Pending() {
			return nil
		}
	}
}
