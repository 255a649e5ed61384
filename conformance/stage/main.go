// Command stage sets the stage for the client runners of conformance: it starts
// real craton servers on free loopback ports, tells a command where they are by
// its environment, and stops them when the command ends.
//
// For runners in any language, so that all drive the same servers:
//
//   - the origin serves only the script model;
//   - the house serves the script model as "script" and the origin's, through
//     the network, as "viaopenai", "viaanthropic" and "viabedrock", with data in
//     SQLite;
//   - the desk is an MCP server of this process, which the house's agents reach
//     as "craton:desk";
//   - the TLS house is a second house with a certificate of its own, for clients
//     that send keys over TLS only;
//   - the engine serves what CRATON_TEST_ENGINE_DATA holds, a data directory
//     that `craton engine install --data` filled; unset, there is none.
//
// It guarantees that no server outlives it, and that its exit status is the
// command's.
//
//	go run ./conformance/stage -- pytest conformance/python
//
// The command sees CRATON_CONFORMANCE_URL, CRATON_CONFORMANCE_TLS_URL,
// CRATON_CONFORMANCE_CA (a PEM file), CRATON_CONFORMANCE_ENGINE_URL (if there is
// one), CRATON_CONFORMANCE_LOG (the house's log), CRATON_API_KEY, CRATON_ACCESS_KEY_ID,
// CRATON_SECRET_ACCESS_KEY and CRATON_BIN.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// The house's first administrator.
const (
	apiKey          = "ck-conformance-0123456789abcdef"
	accessKeyID     = "AKIACONFORMANCE00001"
	secretAccessKey = "conformanceSecretAccessKey0123456789ABCD"
)

// The origin's, which is nobody's business but the house's.
const (
	originAPIKey    = "ck-origin-0123456789abcdef0123"
	originKeyID     = "AKIAORIGIN0000000001"
	originSecretKey = "originSecretAccessKey0123456789ABCDEFGHI"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: stage -- COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, args); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

// run starts the servers, runs the command and stops the servers.
func run(ctx context.Context, args []string) (err error) {
	bin, err := filepath.Abs(orElse(os.Getenv("CRATON_BIN"), "bin/craton"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "craton-conformance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	desk, err := openDesk()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.close()) }()
	rules, err := rulesOfHouse()
	if err != nil {
		return err
	}
	var crew crew
	defer func() { err = errors.Join(err, crew.stop()) }()
	origin, err := crew.start(ctx, bin, filepath.Join(dir, "origin"), originConfig, credentials(originAPIKey, originKeyID, originSecretKey))
	if err != nil {
		return err
	}
	upstream := append(credentials(apiKey, accessKeyID, secretAccessKey), "ORIGIN_API_KEY="+originAPIKey,
		"AWS_ACCESS_KEY_ID="+originKeyID, "AWS_SECRET_ACCESS_KEY="+originSecretKey)
	house, err := crew.start(ctx, bin, filepath.Join(dir, "house"), houseConfig(origin, desk.url, rules), upstream)
	if err != nil {
		return err
	}
	secure, err := crew.start(ctx, bin, filepath.Join(dir, "secure"), houseConfig(origin, desk.url, rules), upstream, "--tls-self-signed")
	if err != nil {
		return err
	}
	var engine string
	if data := os.Getenv("CRATON_TEST_ENGINE_DATA"); data != "" {
		// A later --data replaces the one of the server's own directory.
		if engine, err = crew.start(ctx, bin, filepath.Join(dir, "engine"), "{}", credentials(apiKey, accessKeyID, secretAccessKey), "--data", data); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), credentials(apiKey, accessKeyID, secretAccessKey)...)
	cmd.Env = append(cmd.Env, "CRATON_BIN="+bin, "CRATON_CONFORMANCE_URL="+house, "CRATON_CONFORMANCE_TLS_URL="+secure,
		"CRATON_CONFORMANCE_CA="+filepath.Join(dir, "secure", "tls.crt"), "CRATON_CONFORMANCE_LOG="+filepath.Join(dir, "house", "log"),
		"CRATON_CONFORMANCE_ENGINE_URL="+engine)
	return cmd.Run()
}

func credentials(key, id, secret string) []string {
	return []string{"CRATON_API_KEY=" + key, "CRATON_ACCESS_KEY_ID=" + id, "CRATON_SECRET_ACCESS_KEY=" + secret}
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
