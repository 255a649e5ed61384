package confine_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/craton-ai/craton/internal/confine"
)

// TestConfined tries from Go, in a process that is confined as a program's is,
// what a program that broke out of the interpreter would try.
func TestConfined(t *testing.T) {
	t.Parallel()
	if os.Getenv("CRATON_TEST_CONFINED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestConfined$", "-test.count=1")
		cmd.Env = []string{"CRATON_TEST_CONFINED=1"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := confine.Process(confine.Limits{Memory: 1 << 30, Processor: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"read":    func() error { _, err := os.ReadFile("/etc/passwd"); return err },
		"write":   func() error { return os.WriteFile(os.TempDir()+"/craton-confined", nil, 0o600) },
		"list":    func() error { _, err := os.ReadDir("/"); return err },
		"connect": func() error { _, err := net.Dial("tcp", "127.0.0.1:9"); return err },
		"listen":  func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
		"execute": func() error { return exec.Command("/bin/true").Run() },
		"signal":  func() error { return syscall.Kill(os.Getppid(), 0) },
		"signal by a pipe": func() error {
			_, err := unix.FcntlInt(0, unix.F_SETOWN, os.Getppid())
			return err
		},
		"choose the signal": func() error {
			_, err := unix.FcntlInt(0, unix.F_SETSIG, int(unix.SIGKILL))
			return err
		},
	} {
		if err := try(); err == nil || !errors.Is(err, os.ErrPermission) && !strings.Contains(err.Error(), "not permitted") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
