//go:build unix

package mcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/mcp"
)

// stdioServer is what the test binary is as a child process.
func stdioServer(mode string) int {
	var held *os.File
	switch mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "no license found")
		return 3
	case "garbage":
		fmt.Println("Starting server…")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fifo, err := os.OpenFile(os.Getenv("CRATON_TEST_FIFO"), os.O_WRONLY, 0)
		if err != nil {
			return 5
		}
		held = fifo
	case "noisy":
		for i := range 1000 {
			fmt.Fprintln(os.Stderr, i, strings.Repeat("z", 5000))
		}
	}
	s := tools()
	object := json.RawMessage(`{"type":"object"}`)
	s.AddTool(&sdk.Tool{Name: "environment", InputSchema: object}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		wd, _ := os.Getwd()
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: strings.Join(append(os.Environ(), wd, strconv.Itoa(os.Getpid())), "\n")}}}, nil
	})
	s.AddTool(&sdk.Tool{Name: "die", InputSchema: object}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		os.Exit(4)
		return nil, nil
	})
	s.AddTool(&sdk.Tool{Name: "huge", InputSchema: object}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: strings.Repeat("x", 200<<10)}}}, nil
	})
	err := s.Run(context.Background(), &sdk.StdioTransport{})
	if mode == "stubborn" {
		// A child of its own that holds the pipes, and no thought of leaving.
		grandchild := exec.Command("/bin/sh", "-c", "trap '' TERM; sleep 600")
		grandchild.ExtraFiles, grandchild.Stderr = []*os.File{held}, os.Stderr
		_ = grandchild.Start()
		select {}
	}
	if err != nil {
		return 1
	}
	return 0
}

// journal is a log to read back.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func command(t *testing.T, p *mcp.Pool, mode string) tool.Source {
	t.Helper()
	s, err := p.Command("acme", "local", mcp.Command{Name: "local", Path: os.Args[0], Dir: "/", Env: []string{"CRATON_TEST_STDIO=" + mode}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestChildProcess(t *testing.T) {
	t.Parallel()
	p := pool(t, mcp.Config{})
	s := command(t, p, "well")
	if specs, err := s.List(t.Context()); err != nil || len(specs) < 7 {
		t.Fatalf("got %v, %v", specs, err)
	}
	first, err := s.Call(t.Context(), tool.Call{Name: "environment"})
	lines := strings.Split(text(first), "\n")
	if err != nil || len(lines) != 3 || lines[0] != "CRATON_TEST_STDIO=well" || lines[1] != "/" {
		t.Errorf("the child sees %q, %v: want what was configured and no more", lines, err)
	}
	other, err := p.Command("umbrella", "local", mcp.Command{Name: "local", Path: os.Args[0], Dir: "/", Env: []string{"CRATON_TEST_STDIO=well"}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if second, err := other.Call(t.Context(), tool.Call{Name: "environment"}); err != nil || text(second) == text(first) {
		t.Errorf("two tenants share a process: %v", err)
	}
}

// TestChildDies kills a child in the middle of a call, whose outcome is then
// unknown, and calls again.
func TestChildDies(t *testing.T) {
	t.Parallel()
	s := command(t, pool(t, mcp.Config{}), "well")
	_, err := s.Call(t.Context(), tool.Call{Name: "die"})
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamDown || tool.IsNotSent(err) {
		t.Errorf("got %v", err)
	}
	if r, err := s.Call(t.Context(), tool.Call{Name: "read"}); err != nil || text(r) != "read it" {
		t.Errorf("after a restart: %+v, %v", r, err)
	}
	if _, err := s.Call(t.Context(), tool.Call{Name: "huge"}); err != nil {
		t.Errorf("a large answer within bounds: %v", err)
	}
}

func TestChildLimits(t *testing.T) {
	t.Parallel()
	s := command(t, pool(t, mcp.Config{Limits: mcp.Limits{Answer: 64 << 10}}), "well")
	_, err := s.Call(t.Context(), tool.Call{Name: "huge"})
	if e := model.AsError(err); e == nil || e.Kind != model.TooLarge {
		t.Errorf("a line beyond the bound: %v", err)
	}
	if _, err := s.Call(t.Context(), tool.Call{Name: "read"}); err != nil {
		t.Error(err)
	}
}

func TestChildThatCannotRun(t *testing.T) {
	t.Parallel()
	log := &journal{}
	p := pool(t, mcp.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	missing, err := p.Command("acme", "local", mcp.Command{Name: "local", Path: "/no/such/command"})
	if err != nil {
		t.Fatal(err)
	}
	defer missing.Close()
	for name, s := range map[string]tool.Source{"missing": missing, "exit": command(t, p, "exit"), "garbage": command(t, p, "garbage")} {
		for range 2 {
			_, err := s.Call(t.Context(), tool.Call{Name: "read"})
			e := model.AsError(err)
			if e == nil || (e.Kind != model.UpstreamDown && e.Kind != model.UpstreamGarbage) || !tool.IsNotSent(err) {
				t.Errorf("%s: got %v", name, err)
			}
			if e != nil && strings.Contains(e.Public(), "/no/such") {
				t.Errorf("%s: the client reads %q", name, e.Public())
			}
		}
	}
	p.Close()
	if got := log.String(); !strings.Contains(got, "no license found") {
		t.Errorf("the log says %q", got)
	}
}

func TestChildThatTalks(t *testing.T) {
	t.Parallel()
	log := &journal{}
	p := pool(t, mcp.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	if _, err := command(t, p, "noisy").List(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got := log.String(); len(got) > 400<<10 || !strings.Contains(got, "dropped") || !strings.Contains(got, "line=\"0 zzz") {
		t.Errorf("the log holds %d bytes", len(got))
	}
}

// TestChildThatStays closes a pool whose child does not want to end, nor does
// the child's child: the pipe both hold ends when both did.
func TestChildThatStays(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error)
	go func() {
		_, err := os.ReadFile(fifo)
		gone <- err
	}()
	p := pool(t, mcp.Config{})
	s, err := p.Command("acme", "local", mcp.Command{Path: os.Args[0], Env: []string{"CRATON_TEST_STDIO=stubborn", "CRATON_TEST_FIFO=" + fifo}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if err := <-gone; err != nil {
		t.Error(err)
	}
}
