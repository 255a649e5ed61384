package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"
	"unsafe"

	"github.com/craton-ai/craton/internal/store/sqlstore"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// failure is an error of SQLite's own on the writer's connection.
type failure struct {
	code    int32
	message string
}

// Error implements error.
func (f *failure) Error() string { return fmt.Sprintf("sqlite: %s (%d)", f.message, f.code) }

// conn is the writer's connection, used by one goroutine at a time. It calls
// SQLite without package database/sql and its driver, whose allocations and
// conversions for each argument cost half as much as SQLite's own work.
type conn struct {
	tls   *libc.TLS
	db    uintptr // SQLite's handle; 0 once closed
	known map[string]*statement
	// touched is set when a statement may have changed something, or failed:
	// some failures make SQLite roll back the whole transaction.
	touched bool
	// answer is where SQLite puts a handle. It is of the heap, which does not
	// move, as is the connection.
	answer *uintptr
}

// dial opens a connection to the database at path, which exists, with pragmas.
func dial(path string, pragmas []string) (*conn, error) {
	c := &conn{tls: libc.NewTLS(), known: make(map[string]*statement), answer: new(uintptr)}
	name, err := libc.CString(uri(path))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, uintptr(unsafe.Pointer(c.answer)),
		sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_NOMUTEX|sqlite3.SQLITE_OPEN_URI, 0)
	libc.Xfree(c.tls, name)
	c.db = *c.answer
	if rc != sqlite3.SQLITE_OK {
		err = c.failed(rc)
	} else {
		sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
		for _, pragma := range pragmas {
			if err = c.once("PRAGMA " + pragma); err != nil {
				break
			}
		}
	}
	if err != nil {
		_ = c.close() // the first error says more
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return c, nil
}

// close gives up the connection. Closing twice is no error.
func (c *conn) close() error {
	if c.db == 0 {
		return nil
	}
	for _, s := range c.known {
		s.finalize()
	}
	var err error
	if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
		err = c.failed(rc)
	}
	c.db = 0
	c.tls.Close()
	return err
}

// failed is the error of the last call.
func (c *conn) failed(rc int32) error {
	f := &failure{code: rc, message: "out of memory"}
	if c.db != 0 {
		f.message = libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	}
	return f
}

// once runs a statement that is not kept, and passes over its rows.
func (c *conn) once(query string) error {
	s, err := c.prepare(query, 0)
	if err != nil {
		return err
	}
	defer s.finalize()
	return s.finish()
}

// stmt returns the statement, prepared once, and at rest.
func (c *conn) stmt(query string) (*statement, error) {
	s := c.known[query]
	if s != nil && !s.busy {
		return s, nil
	}
	next, err := c.prepare(query, sqlite3.SQLITE_PREPARE_PERSISTENT)
	if err == nil && s == nil {
		c.known[query] = next
	} else if err == nil {
		next.spare = true // while its double is read
	}
	return next, err
}

func (c *conn) prepare(query string, flags uint32) (*statement, error) {
	text, err := libc.CString(query)
	if err != nil {
		return nil, fmt.Errorf("sqlite: prepare %q: %w", query, err)
	}
	defer libc.Xfree(c.tls, text)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, flags, uintptr(unsafe.Pointer(c.answer)), 0)
	if rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("prepare %q: %w", query, c.failed(rc))
	}
	return &statement{conn: c, handle: *c.answer, query: query}, nil
}

// Exec implements [sqlstore.Tx].
func (c *conn) Exec(query string, args ...any) (int64, error) {
	s, err := c.stmt(query)
	if err != nil {
		return 0, err
	}
	err = s.bind(args)
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		c.touched = true
		return 0, err
	}
	n := sqlite3.Xsqlite3_changes64(c.tls, c.db)
	c.touched = c.touched || n > 0
	return n, nil
}

// Query implements [sqlstore.Tx]. A query that is not a plain SELECT may
// change something (RETURNING).
func (c *conn) Query(query string, args ...any) (sqlstore.Rows, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	c.touched = c.touched || len(query) < 6 || query[:6] != "SELECT"
	if err := s.bind(args); err != nil {
		c.touched = true
		return nil, err
	}
	s.busy = true
	return &rows{statement: s}, nil
}

// statement is one that SQLite has compiled.
type statement struct {
	conn   *conn
	handle uintptr
	query  string
	memory uintptr // holds texts and bytes while the statement runs
	size   int
	busy   bool // rows are being read
	spare  bool // to be dropped after use
}

// keep is how much memory for arguments a statement keeps.
const keep = 64 << 10

// bind copies the arguments to where SQLite finds them until the statement is
// reset.
func (s *statement) bind(args []any) error {
	need, err := s.plain(args)
	if err == nil {
		err = s.reserve(need)
	}
	if err != nil {
		return err
	}
	memory, at := unsafe.Slice((*byte)(pointer(s.memory)), s.size), 0
	for i, arg := range args {
		rc, n := int32(0), int32(i+1)
		tls, here := s.conn.tls, s.memory+uintptr(at)
		switch v := arg.(type) {
		case int64:
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.handle, n, v)
		case string:
			at += copy(memory[at:], v)
			rc = sqlite3.Xsqlite3_bind_text(tls, s.handle, n, here, int32(len(v)), 0)
		case []byte:
			at += copy(memory[at:], v)
			rc = sqlite3.Xsqlite3_bind_blob(tls, s.handle, n, here, int32(len(v)), 0)
		case float64:
			rc = sqlite3.Xsqlite3_bind_double(tls, s.handle, n, v)
		case nil:
			rc = sqlite3.Xsqlite3_bind_null(tls, s.handle, n)
		default:
			return fmt.Errorf("sqlite: argument %d of %q is a %T", n, s.query, arg)
		}
		if rc != sqlite3.SQLITE_OK {
			return s.conn.failed(rc)
		}
	}
	return nil
}

// plain makes the arguments types that bind knows, and returns how much memory
// they need: at least a byte, so that what is empty has an address too.
func (s *statement) plain(args []any) (need int, err error) {
	need = 1
	for i, arg := range args {
		switch v := arg.(type) {
		case int64:
		case int:
			args[i] = int64(v)
		case string:
			need += len(v)
		case []byte:
			need += len(v)
		default:
			if args[i], err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return 0, fmt.Errorf("sqlite: argument %d of %q: %w", i+1, s.query, err)
			}
			if yes, ok := args[i].(bool); ok {
				args[i] = map[bool]int64{true: 1}[yes]
			}
		}
	}
	return need, nil
}

// reserve sees to memory for the arguments.
func (s *statement) reserve(need int) error {
	if need <= s.size {
		return nil
	}
	if s.memory != 0 {
		sqlite3.Xsqlite3_free(s.conn.tls, s.memory)
	}
	s.size = min(max(need, 256), math.MaxInt32)
	s.memory = sqlite3.Xsqlite3_malloc(s.conn.tls, int32(s.size))
	if s.memory == 0 {
		s.size = 0
		return &failure{code: sqlite3.SQLITE_NOMEM, message: "out of memory"}
	}
	return nil
}

// finish runs the statement to its end.
func (s *statement) finish() error {
	for {
		switch rc := sqlite3.Xsqlite3_step(s.conn.tls, s.handle); rc {
		case sqlite3.SQLITE_ROW:
		case sqlite3.SQLITE_DONE:
			s.rest()
			return nil
		default:
			err := s.conn.failed(rc)
			s.rest()
			return err
		}
	}
}

// rest makes the statement ready to be run again.
func (s *statement) rest() {
	sqlite3.Xsqlite3_reset(s.conn.tls, s.handle)
	s.busy = false
	if s.size > keep {
		sqlite3.Xsqlite3_free(s.conn.tls, s.memory)
		s.memory, s.size = 0, 0
	}
	if s.spare {
		s.finalize()
	}
}

func (s *statement) finalize() {
	if s.handle == 0 {
		return
	}
	sqlite3.Xsqlite3_finalize(s.conn.tls, s.handle)
	if s.memory != 0 {
		sqlite3.Xsqlite3_free(s.conn.tls, s.memory)
	}
	s.handle, s.memory = 0, 0
}

// pointer is the address as what it is: SQLite's memory, which the garbage
// collector does not know.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
