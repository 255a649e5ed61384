// Command craton is the whole of Craton in one binary: the server, the
// built-in engine's child process, and the command line that talks to a
// running server. This package wires the parts together, runs them and closes
// them; it is the only place that knows everybody.
//
// It guarantees that a start-up failure is reported as what it is, with what
// to do about it, and that a stop drains requests and flushes what was metered.
//
//	craton serve --listen 127.0.0.1:8420 --data ~/.local/share/craton
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

// command is the command line. Every flag is also an environment variable.
type command struct {
	Serve     serveCommand     `cmd:"" help:"Run the server."`
	Chat      chatCommand      `cmd:"" help:"Talk to a model through a running server."`
	Models    modelsCommand    `cmd:"" help:"List, pull, remove and explain models."`
	Keys      keysCommand      `cmd:"" help:"Create, list, revoke and rotate credentials."`
	Tenants   tenantsCommand   `cmd:"" help:"Create, list and disable tenants."`
	Secrets   secretsCommand   `cmd:"" help:"Keep upstream credentials; rotate the master key."`
	Sessions  sessionsCommand  `cmd:"" help:"Look at agent sessions; speak to them, cancel, fork and replay them."`
	Agents    agentsCommand    `cmd:"" help:"Keep saved agents."`
	Usage     usageCommand     `cmd:"" help:"Show what was used and what it cost."`
	Objects   objectsCommand   `cmd:"" help:"Put, get, list and remove objects of the tenant's object space."`
	Engine    engineCommand    `cmd:"" help:"Install the built-in engine; run its child process."`
	Program   programCommand   `cmd:"" hidden:"" help:"Run one program of a model as the server's child process."`
	Plaintext plaintextCommand `cmd:"" hidden:"" help:"Read one uploaded document as the server's child process."`
	Store     storeCommand     `cmd:"" help:"Check the store; copy it to PostgreSQL."`
	Backup    backupCommand    `cmd:"" help:"Copy the data directory's state while the server runs or not."`
	Restore   restoreCommand   `cmd:"" help:"Restore a backup into an empty data directory."`
	Doctor    doctorCommand    `cmd:"" help:"Say what works, what does not, and what to do."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
	Help      helpCommand      `cmd:"" help:"Show what there is, or how a command is used."`

	Release kong.VersionFlag `name:"version" help:"Print the version." env:"-"`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

func main() {
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}))
}

// run parses args and runs the command; it returns the exit status.
func run(args []string, s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var c command
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("craton"),
		kong.Description("An open, self-hosted AI utility: agents' runtime on top of any model, through the clients people have."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		kong.DefaultEnvars("CRATON"),
		kong.Vars{"version": "craton " + version},
	)
	if err != nil {
		fmt.Fprintln(s.err, "craton:", err)
		return 2
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(s.err, "craton: %v\nRun `craton --help` to see what there is.\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(s.err, "craton:", err)
		return 1
	}
	return 0
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "craton", version)
	return err
}

// helpCommand stands in the list of commands; run turns it into --help.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"Command to explain."`
}
