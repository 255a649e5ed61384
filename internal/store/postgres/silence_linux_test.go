package postgres

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConnectionsNotice: whatever is asked on it, a connection to a server that
// is gone ends by TCP's own means.
func TestConnectionsNotice(t *testing.T) {
	t.Parallel()
	config, err := configure("postgres://user@127.0.0.1/db?connect_timeout=5")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := config.ConnConfig.DialFunc(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[int]int{unix.TCP_USER_TIMEOUT: 15_000, unix.TCP_KEEPIDLE: 10, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 2} {
		if err := raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name); err != nil || got != want {
				t.Errorf("option %d is %d, %v, want %d", name, got, err, want)
			}
		}); err != nil {
			t.Error(err)
		}
	}
}
