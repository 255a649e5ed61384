//go:build unix

package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

const tenant = "t1"

// fleet are the servers that are killed, and the tools they use.
type fleet struct {
	t      *testing.T
	order  order // what all have in common
	ledger *drivertest.Ledger
	kills  int

	mu      sync.Mutex
	random  *rand.Rand
	urls    map[int]string
	killed  int
	drained int // of these: told to hand over first
	started int
	lifted  int
	expired int // approvals
	wrong   []string
	stderr  string // of the last child that ended by itself
}

func newFleet(t *testing.T, o order, kills int) *fleet {
	f := &fleet{t: t, order: o, ledger: drivertest.NewLedger(), kills: kills, random: rand.New(rand.NewPCG(seed(), 8)), urls: map[int]string{}}
	tools := httptest.NewServer(http.HandlerFunc(f.callTool))
	t.Cleanup(tools.Close)
	f.order.Tools = tools.URL
	return f
}

// callTool serves the tools. An answer may be late, or lost.
func (f *fleet) callTool(w http.ResponseWriter, r *http.Request) {
	var call tool.Call
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		f.fail("a call cannot be read: %v", err)
		return
	}
	result, err := f.ledger.Call(r.Context(), call)
	if err != nil {
		f.fail("a call fails: %v", err)
		return
	}
	if f.draw(20) == 0 {
		panic(http.ErrAbortHandler) // it took effect, and nobody is told
	}
	_, _ = io.WriteString(w, model.Message{Parts: result.Content}.Text())
}

func (f *fleet) draw(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(n)
}

func (f *fleet) fail(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wrong) < 10 {
		f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
	}
}

// over reports whether enough were killed.
func (f *fleet) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.killed >= f.kills || len(f.wrong) > 0
}

// boundaries are the calls at which children die, in turn; an empty one is any
// moment, and drain any moment at or after being told to hand over, as in a
// deploy.
var boundaries = []string{"Append before", "Append after", "Call before", "Append after", "Call after", "", "Append before", drain,
	"AppendDeltas before", "Append after", "AppendDeltas after", "Release before", "Release after", "Claim after", "", drain}

const drain = "drain"

// keep runs server i again and again until ctx ends; each dies until enough did.
func (f *fleet) keep(ctx context.Context, i int) {
	for run := 0; ctx.Err() == nil; run++ {
		o := f.order
		o.Node = fmt.Sprintf("n%d-%d", i, run)
		f.mu.Lock()
		k := f.started
		f.started++
		f.mu.Unlock()
		if !f.over() {
			o.At, o.Count = boundaries[k%len(boundaries)], int64(1+f.draw(1+f.draw(30)))
			// The call at which it dies may be one of those it hands over with.
			o.Drain = o.At == drain || f.draw(8) == 0
		}
		died, err := f.child(ctx, i, o)
		if err != nil {
			f.fail("server %s: %v", o.Node, err)
			return
		}
		if died {
			f.mu.Lock()
			f.killed++
			if o.Drain {
				f.drained++
			}
			f.mu.Unlock()
		}
	}
}

// child runs one server until it is dead.
func (f *fleet) child(ctx context.Context, i int, o order) (died bool, err error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return false, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orderEnv+"="+string(raw))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	done := make(chan struct{})
	go func() { defer close(done); f.listen(i, stdout) }()
	most := 1500 * time.Millisecond // a count that is not reached
	if o.At == "" || o.Drain {
		most = time.Duration(20+f.draw(900)) * time.Millisecond
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	expired := timer.C
	if f.over() {
		expired = nil
	}
	select {
	case <-done:
	case <-ctx.Done():
	case <-expired:
		if !o.Drain {
			break
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer.Reset(time.Duration(f.draw(4000)) * time.Millisecond)
		select {
		case <-done:
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	_ = cmd.Process.Kill()
	<-done
	f.mu.Lock()
	delete(f.urls, i)
	f.mu.Unlock()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		f.mu.Lock()
		f.stderr = stderr.String()
		f.mu.Unlock()
		// Without its database a server does not start: it is started again.
		return false, pass(ctx, 50*time.Millisecond)
	}
	return true, nil
}

// listen reads what a server says: where it is, then what went wrong.
func (f *fleet) listen(i int, out io.Reader) {
	for in := bufio.NewScanner(out); in.Scan(); {
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "http://"):
			f.mu.Lock()
			f.urls[i] = line
			f.mu.Unlock()
		case strings.HasPrefix(line, "lifted "):
			f.mu.Lock()
			f.lifted++
			f.mu.Unlock()
		default:
			f.fail("%s", line)
		}
	}
}

// anyone is the address of a server that is up, or empty.
func (f *fleet) anyone() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	up := make([]string, 0, len(f.urls))
	for _, u := range f.urls {
		up = append(up, u)
	}
	if len(up) == 0 {
		return ""
	}
	return up[f.random.IntN(len(up))]
}

func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return nil
	}
}

// errRefused is a server's no.
var errRefused = errors.New("refused")

// ask sends a command to one server after the other until one answers.
func (f *fleet) ask(ctx context.Context, method, path string, c command) (string, error) {
	for {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%s %+v is never answered: %w", path, c, ctx.Err())
		}
		answer, err := f.once(ctx, method, path, c)
		if err == nil || errors.Is(err, errRefused) {
			return answer, err
		}
		_ = pass(ctx, 10*time.Millisecond)
	}
}

func (f *fleet) once(ctx context.Context, method, path string, c command) (string, error) {
	server := f.anyone()
	if server == "" {
		return "", io.EOF
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, server+path+"?session="+url.QueryEscape(c.Session), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode == http.StatusConflict:
		return "", fmt.Errorf("%w: %s", errRefused, text)
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %d %s", path, resp.StatusCode, text)
	}
	return string(text), nil
}

// hear is one connection of a reader, until it breaks.
func (f *fleet) hear(ctx context.Context, id string, into *drivertest.Transcript) error {
	server := f.anyone()
	if server == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(50+f.draw(1500))*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/tail?session="+id+"&after="+url.QueryEscape(into.Last), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil // it was killed
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	for in := bufio.NewReader(resp.Body); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil // half a line was not told
		}
		told, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return err
		}
		if err := into.AddLine(told, text); err != nil {
			return err
		}
	}
}
