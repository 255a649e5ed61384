package program

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/confine"
)

// Main is the child process: it reads one program from in, gives up what it
// does not need, runs the program, and returns the exit status. It must have
// the process to itself, since it gives up the rights of all of it.
func Main(in io.Reader, out io.Writer) int {
	l := newLines(in, out)
	var first order
	if err := l.read(&first); err != nil {
		return 1
	}
	limits := Limits{Memory: first.Memory, Compute: time.Duration(first.Compute)}.withDefaults()
	// The watch counts objects only, and computing between two calls.
	held := confine.Limits{Memory: limits.Memory + 512<<20, Processor: 6*limits.Compute + time.Second}
	if err := confine.Process(held); err != nil {
		_ = l.write(message{Unsafe: err.Error()})
		return 1
	}
	debug.SetMemoryLimit(limits.Memory)
	debug.SetMaxStack(64 << 20)
	m := newMachine(l)
	stop := watch(m, limits)
	end := m.run(first.Code)
	stop()
	if l.write(message{End: &end}) != nil {
		return 1
	}
	return 0
}

// watch stops the machine when it passes a limit, and ends the process when
// the machine does not stop. The function it returns ends the watch.
func watch(m *machine, limits Limits) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			metrics.Read(heap)
			if heap[0].Value.Uint64() > uint64(limits.Memory) {
				m.stop(fmt.Sprintf("The program took more than %d MiB of memory.", limits.Memory>>20), done)
				return
			}
			if m.busy() > limits.Compute {
				m.stop(fmt.Sprintf("The program computed for more than %s without a call.", limits.Compute), done)
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// patience is how long a machine has to stop. It does not while it is in one
// long operation, such as a regular expression.
const patience = 500 * time.Millisecond

// stop interrupts the machine with a reason, and ends the process if that does
// not help.
func (m *machine) stop(why string, done <-chan struct{}) {
	m.js.Interrupt(why)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		_ = m.lines.write(message{End: &ending{Error: why}})
		os.Exit(3)
	}
}

// clock tells how long the machine has been computing.
type clock struct{ since atomic.Int64 }

func (c *clock) start() { c.since.Store(time.Now().UnixNano()) }
func (c *clock) pause() { c.since.Store(0) }

func (c *clock) busy() time.Duration {
	since := c.since.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - since)
}
