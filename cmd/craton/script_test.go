//go:build unix

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line as a person would. Scripts have five more
// commands: `serve NAME ARGS…` starts a server and waits until it is ready,
// after which CRATON_URL, ADDRESS and, where it told one, CRATON_API_KEY are set and
// $WORK/NAME.out holds what it printed; `stop NAME` ends it gently; `hup NAME`
// asks it to reload; `logged NAME REGEXP` waits for a line of its log;
// `post PATH BODY FILE` sends JSON and writes the id of what was made to FILE.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_DATA_HOME", e.WorkDir)
			e.Setenv("HOME", e.WorkDir)
			e.Values[servers{}] = map[string]*child{}
			e.Defer(func() {
				for _, s := range e.Values[servers{}].(map[string]*child) {
					_ = s.cmd.Process.Kill()
					<-s.done
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serveScript, "stop": stopScript, "hup": hupScript, "logged": loggedScript, "post": postScript,
		},
	})
}

// servers is the key of a script's running servers.
type servers struct{}

func running(ts *testscript.TestScript) map[string]*child {
	return ts.Value(servers{}).(map[string]*child)
}

func find(ts *testscript.TestScript, name string) *child {
	s := running(ts)[name]
	if s == nil {
		ts.Fatalf("there is no server %q", name)
	}
	return s
}

func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME ARGS…")
	}
	env := scriptEnv(ts.Getenv("WORK"))
	for _, name := range []string{"CRATON_MASTER_KEY", "CRATON_ACCESS_KEY_ID", "CRATON_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	if value := ts.Getenv("PRESET_KEY"); value != "" {
		env = append(env, "CRATON_API_KEY="+value)
	}
	s, err := startServer(ts.Getenv("WORK"), env, args[1:]...)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	running(ts)[args[0]] = s
	ts.Setenv("CRATON_URL", s.URL)
	ts.Setenv("ADDRESS", strings.TrimPrefix(s.URL, "http://"))
	if s.key != "" {
		ts.Setenv("CRATON_API_KEY", s.key)
	}
	save(ts, args[0])
}

// save writes what a server printed and logged where scripts find it.
func save(ts *testscript.TestScript, name string) {
	out, log := running(ts)[name].text()
	ts.Check(os.WriteFile(ts.MkAbs(name+".out"), []byte(out), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(name+".log"), []byte(log), 0o600))
}

func stopScript(ts *testscript.TestScript, _ bool, args []string) {
	s := find(ts, args[0])
	if err := s.end(syscall.SIGTERM); err != nil {
		out, log := s.text()
		ts.Fatalf("%v\n%s%s", err, out, log)
	}
	save(ts, args[0])
}

func hupScript(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(find(ts, args[0]).cmd.Process.Signal(syscall.SIGHUP))
}

func loggedScript(ts *testscript.TestScript, _ bool, args []string) {
	s, pattern := find(ts, args[0]), regexp.MustCompile(strings.Join(args[1:], " "))
	err := s.until("it logs "+pattern.String(), func() bool {
		_, log := s.text()
		return pattern.MatchString(log)
	})
	if err != nil {
		_, log := s.text()
		ts.Fatalf("%v\n%s", err, log)
	}
}

func postScript(ts *testscript.TestScript, _ bool, args []string) {
	var made struct {
		ID string `json:"id"`
	}
	server := remote{URL: ts.Getenv("CRATON_URL"), APIKey: ts.Getenv("CRATON_API_KEY")}
	ts.Check(server.call(context.Background(), http.MethodPost, args[0], json.RawMessage(args[1]), &made))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(made.ID), 0o600))
}
