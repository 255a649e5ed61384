package main

import (
	"net"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// patience is how long a server may take to end by itself.
const patience = 30 * time.Second

// freePort finds a port nobody listens on.
func freePort() (string, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	return port, err
}
