//go:build unix

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
)

// user is who uses one session from its beginning to its end.
type user struct {
	f       *fleet
	name    string
	id      string
	acked   []string
	readers []*drivertest.Transcript
}

// patience is how long a session may take once nobody is killed any more.
const patience = 2 * time.Minute

func (u *user) text() string {
	steps := make([]string, 1+u.f.draw(4))
	for i := range steps {
		steps[i] = drivertest.Steps[u.f.draw(len(drivertest.Steps))]
	}
	return fmt.Sprintf("%s%s; %s-%d", drivertest.PlanPrefix, strings.Join(steps, " "), u.name, len(u.acked))
}

// live uses the session. What fails for good is told to the fleet.
func (u *user) live(ctx context.Context) error {
	text := u.text()
	for range 1 + u.f.draw(2) { // who got no answer asks again, and so does who got one
		id, err := u.f.ask(ctx, "POST", "/create", command{Key: u.name, Text: text})
		if err != nil {
			return err
		}
		if u.id != "" && u.id != id {
			return fmt.Errorf("the key %s made the sessions %s and %s", u.name, u.id, id)
		}
		u.id = id
	}
	u.acked = append(u.acked, text)
	reading, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	for range 2 {
		reader := &drivertest.Transcript{Last: driver.FromStart}
		u.readers = append(u.readers, reader)
		group.Go(func() {
			for reading.Err() == nil {
				if err := u.f.hear(reading, u.id, reader); err != nil {
					u.f.fail("a reader of %s: %v", u.id, err)
				}
				_ = pass(reading, 5*time.Millisecond)
			}
		})
	}
	err := u.talk(ctx)
	stop()
	group.Wait()
	return err
}

// decides reports whether somebody answers a request: most are answered.
func (u *user) decides(request string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(request))
	return h.Sum32()%3 > 0
}

// talk sends messages and answers until the session has nothing to do.
func (u *user) talk(ctx context.Context) error {
	for messages := u.f.draw(3); ; {
		raw, err := u.f.ask(ctx, "GET", "/view", command{Session: u.id})
		if err != nil {
			return err
		}
		var s standing
		if err := json.Unmarshal([]byte(raw), &s); err != nil {
			return err
		}
		for _, c := range s.Actions {
			if c.Request != "" {
				if !u.decides(c.Request) {
					continue // it expires, whoever owns the session then
				}
				c.Decision = []string{"approve", "approve", "deny"}[u.f.draw(3)]
			}
			if _, err := u.f.ask(ctx, "POST", "/send", c); err != nil && !errors.Is(err, errRefused) {
				return err
			}
		}
		switch {
		case messages > 0 && (s.Idle || u.f.draw(4) == 0):
			messages--
			text := u.text()
			for range 1 + u.f.draw(2) {
				if _, err := u.f.ask(ctx, "POST", "/send", command{Session: u.id, Key: text, Text: text}); err != nil {
					return err
				}
			}
			u.acked = append(u.acked, text)
		case s.Idle:
			return nil
		}
		_ = pass(ctx, 20*time.Millisecond)
	}
}
