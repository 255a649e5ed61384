//go:build unix

package plain

import "syscall"

// supported says that an idle connection can be looked at.
const supported = true

// stale reports whether an idle connection must not be used: the upstream
// closed it, or sent what nobody asked for.
func (c *conn) stale() bool {
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err != nil || !quiet
}
