// Package postgrestest starts a private PostgreSQL server for tests.
//
// It is for tests of the PostgreSQL store and of whatever must hold on it. One
// server serves a test binary; each test gets a database of its own.
//
// It guarantees that the server listens on a Unix socket in a temporary
// directory only, runs as the user postgres where tests run as root (the
// server refuses root), and is stopped and removed at the end. It runs without
// syncing: these tests are about meaning, not about loss of power. Where
// PostgreSQL is not installed, tests are skipped saying so, or fail if
// CRATON_REQUIRE_POSTGRES is 1.
//
// Example:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
//
//	func TestSessions(t *testing.T) {
//		store, err := postgres.Open(t.Context(), postgrestest.Database(t))
//		…
//	}
package postgrestest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

// EnvRequire, set to 1, makes tests fail rather than skip without PostgreSQL.
const EnvRequire = "CRATON_REQUIRE_POSTGRES"

// errNotInstalled says that there is no PostgreSQL to start.
var errNotInstalled = errors.New("initdb and pg_ctl are neither in PATH nor under /usr/lib/postgresql: install PostgreSQL 15 or newer")

// shared is the server of the test binary, started by the first test that asks
// and stopped by Main. It is state of a package because a test binary has one
// TestMain and no other place to keep it.
var shared struct {
	once   sync.Once
	server *server
	err    error
	mu     sync.Mutex
	names  int

	preparing sync.Mutex // held while the template is made
	prepared  bool
}

// server is a running PostgreSQL.
type server struct {
	bin, dir string
	as       []string // command prefix that changes the user
}

// Main runs the tests and stops the server they started. It returns the exit
// code.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.server == nil {
		return code
	}
	if err := shared.server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "postgrestest:", err)
		return max(code, 1)
	}
	return code
}

// Database returns the address of a new, empty database, which is removed with
// the test.
func Database(t testing.TB) string {
	t.Helper()
	return database(t, "")
}

// Prepared is [Database] with what prepare made of an empty one. It is called
// once in a test binary, with the address of a database that the others are
// copied from, and must close its connections.
func Prepared(t testing.TB, prepare func(address string) error) string {
	t.Helper()
	const template = "prepared"
	running(t)
	shared.preparing.Lock()
	defer shared.preparing.Unlock()
	if !shared.prepared {
		shared.server.admin(t, "CREATE DATABASE "+template)
		if err := prepare(shared.server.address(template)); err != nil {
			t.Fatal("postgrestest: ", err)
		}
		shared.prepared = true
	}
	return database(t, " TEMPLATE "+template)
}

// running starts the server unless it runs.
func running(t testing.TB) {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = start() })
	if shared.err != nil {
		if errors.Is(shared.err, errNotInstalled) && os.Getenv(EnvRequire) != "1" {
			t.Skip("postgrestest: ", shared.err)
		}
		t.Fatal("postgrestest: ", shared.err)
	}
}

func database(t testing.TB, options string) string {
	t.Helper()
	running(t)
	shared.mu.Lock()
	shared.names++
	name := "test" + strconv.Itoa(shared.names)
	shared.mu.Unlock()
	shared.server.admin(t, "CREATE DATABASE "+name+options)
	t.Cleanup(func() { shared.server.admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return shared.server.address(name)
}

func (s *server) address(database string) string {
	return "host=" + s.dir + " user=postgres dbname=" + database
}

// admin runs a statement outside the tests' databases.
func (s *server) admin(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", s.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func start() (_ *server, err error) {
	s := &server{}
	if s.bin, err = findPrograms(); err != nil {
		return nil, err
	}
	// A short path: the name of a Unix socket has at most some 100 bytes.
	if s.dir, err = os.MkdirTemp("", "cratonpg"); err != nil {
		return nil, err
	}
	if s.dir, err = filepath.EvalSymlinks(s.dir); err != nil {
		return nil, err
	}
	if err := s.dropRoot(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	data := filepath.Join(s.dir, "data")
	if err := s.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.launch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// launch starts the server over the data that are there.
func (s *server) launch() error {
	// Without an address to listen on, the port only names the socket.
	options := "-k " + s.dir + " -c listen_addresses='' -c max_connections=300 -c fsync=off -c full_page_writes=off" +
		" -c shared_buffers=32MB -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off"
	if err := s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-w", "-l", filepath.Join(s.dir, "log"), "-o", options, "start"); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%w\n%s", err, log)
	}
	return nil
}

// Restart ends the running server as a crash would, and starts it again over
// the same data. It is for tests of a binary in which nobody else needs it at
// the moment.
func Restart(t testing.TB) {
	t.Helper()
	s := shared.server
	if err := s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-w", "stop"); err != nil {
		t.Error("postgrestest: ", err)
	}
	if err := s.launch(); err != nil {
		t.Error("postgrestest: ", err)
	}
}

func (s *server) stop() error {
	err := s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-w", "stop")
	return errors.Join(err, os.RemoveAll(s.dir))
}

// findPrograms returns the directory of PostgreSQL's server programs. PATH is
// resolved through links: the programs look for each other where they are.
func findPrograms() (string, error) {
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
				return filepath.Dir(path), nil
			}
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNotInstalled
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// dropRoot arranges for the programs to run as the user postgres if we are
// root, and gives that user the directory.
func (s *server) dropRoot() error {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("running as root, and there is no user postgres to run the server: %w", err)
	}
	uid, err := strconv.Atoi(postgres.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(postgres.Gid)
	if err != nil {
		return err
	}
	if path, err := exec.LookPath("setpriv"); err == nil {
		s.as = []string{path, "--reuid=" + postgres.Uid, "--regid=" + postgres.Gid, "--clear-groups"}
	} else if path, err := exec.LookPath("runuser"); err == nil {
		s.as = []string{path, "-u", "postgres", "--"}
	} else {
		return errors.New("running as root, and neither setpriv nor runuser is there to run the server as postgres")
	}
	return os.Chown(s.dir, uid, gid)
}

// run runs one of PostgreSQL's programs.
func (s *server) run(program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	line := append(slices.Clone(s.as), filepath.Join(s.bin, program))
	line = append(line, args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir = s.dir
	// The server keeps what it was started with: to files, not to pipes, which
	// would be waited for until it ends.
	out, err := os.CreateTemp("", "cratonpg-*.log")
	if err != nil {
		return err
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(text))
	}
	return nil
}
