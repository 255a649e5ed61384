//go:build !linux

package postgres

import (
	"net"
	"time"
)

// setUserTimeout does nothing: only keep-alive holds here.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }
