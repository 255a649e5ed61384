//go:build !unix

package mcp_test

func stdioServer(string) int { return 0 }
