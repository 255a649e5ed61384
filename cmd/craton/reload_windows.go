//go:build windows

package main

import "os"

// notifyReload does nothing: Windows has no such signal. Restart the server instead.
func notifyReload(chan<- os.Signal) {}
