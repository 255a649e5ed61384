package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/usage"
)

// Tx runs statements, with "?" for parameters. It is used by one goroutine at
// a time and not after the function it was given to returned.
type Tx interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(query string, args ...any) (int64, error)
	// Query runs a statement that returns rows. The caller closes them.
	Query(query string, args ...any) (Rows, error)
}

// Rows is the answer of a query, read forward; *sql.Rows is one.
type Rows interface {
	// Next makes the next row the current one and reports whether there is.
	Next() bool
	// Scan reads the current row.
	Scan(dest ...any) error
	// Err is why there are no more rows, or nil if that was all.
	Err() error
	// Close ends reading; closing twice is no error.
	Close() error
}

// Role is which rows an operation may see and change, where the database
// enforces it.
type Role int

// The roles.
const (
	// TenantRole sees the rows of one tenant.
	TenantRole Role = iota
	// AppendRole is the narrow exception: it appends to journals, stream buffers
	// and usage, moves leases and sweeps, for all tenants, and can do nothing
	// else.
	AppendRole
	// InstallationRole sees what belongs to no tenant: tenants, credentials.
	InstallationRole
)

// Scope is what an operation is about.
type Scope struct {
	Role Role
	// Tenant is whose rows the TenantRole sees; empty for the installation's
	// own documents.
	Tenant string
	// Loose says that the write may be lost with the power of the machine that
	// the process runs on, though not with the process: a database in the process
	// need not wait for its disk.
	Loose bool
}

var (
	appending    = Scope{Role: AppendRole}
	installation = Scope{Role: InstallationRole}
)

func of(tenant string) Scope { return Scope{Tenant: tenant} }

// Engine runs operations on a database. It is safe for concurrent use.
type Engine interface {
	// Dialect says how this database's SQL differs.
	Dialect() Dialect
	// Write runs op in a transaction and returns nil once it is durable. If op
	// fails, nothing it did remains and its error is returned. Op may be run
	// more than once, and must set what it returns by assignment.
	Write(ctx context.Context, scope Scope, op func(Tx) error) error
	// Read runs op, whose statements each see a committed state no older than
	// the last write that returned before Read was called.
	Read(ctx context.Context, scope Scope, op func(Tx) error) error
}

// Dialect is what differs between databases.
type Dialect struct {
	// Name is "sqlite" or "postgres".
	Name string
	// Text, Bytes and JSON are column types: text compared bytewise, byte
	// strings, and JSON that Tag can look into.
	Text, Bytes, JSON string
	// Member makes an expression for the value of a member of a JSON column,
	// with one "?" for the member's name; NULL where there is none.
	Member func(column string) string
	// Members is a table of a JSON object's members, key and value, with one "?"
	// for its text.
	Members string
	// Clock is the database's clock where it has none of its own; else nil, and
	// Now is the query for it, in microseconds since 1970.
	Clock func() time.Time
	Now   string
	// ForUpdate, at the end of a query, locks the rows it selects until the
	// transaction ends; SkipLocked does so too and leaves out what others have
	// locked. Empty where a write has the database to itself.
	ForUpdate, SkipLocked string
	// IsConflict reports whether err is a violation of a unique constraint.
	IsConflict func(err error) bool
	// Migrating, if not nil, is told by [Migrate] which schema it brings forward
	// and to which: that may take long.
	Migrating func(from, to int64)
}

// DB implements the store contracts over an engine. It is safe for concurrent
// use.
type DB struct {
	engine Engine
	linked bool          // events are, see chain.go
	hints  chan struct{} // holds one
	told   func()
}

var (
	_ document.Store = (*DB)(nil)
	_ identity.Store = (*DB)(nil)
	_ session.Store  = (*DB)(nil)

	_ session.Leaser    = (*DB)(nil)
	_ session.Snapshots = (*DB)(nil)
	_ session.Buffer    = (*DB)(nil)
	_ session.Index     = (*DB)(nil)

	_ usage.Store = (*DB)(nil)
)

// New returns a store over an engine whose database is migrated.
func New(engine Engine) *DB {
	return &DB{engine: engine, linked: engine.Dialect().Name == "sqlite", hints: make(chan struct{}, 1)}
}

// maxPage is the greatest page of any listing, as the contracts say.
const maxPage = 1000

func pageSize(limit int) int {
	if limit <= 0 || limit > maxPage {
		return maxPage
	}
	return limit
}

// scanner is the part of [Rows] that reads one row.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a query.
func collect[T any](tx Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// one reads the first row of a query into dest and reports whether there is
// one.
func one(tx Tx, query string, args []any, dest ...any) (bool, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return false, rows.Err()
	}
	if err := rows.Scan(dest...); err != nil {
		return false, err
	}
	return true, rows.Close()
}

// micros is how times are stored: microseconds since 1970, 0 for the zero
// time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// blob never yields NULL, which columns refuse.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// bytesOf is the inverse of blob: no bytes are nil.
func bytesOf(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// failed names the operation in an error of the database; errors of the
// contracts pass unchanged through errors.Is and errors.As.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", op, err)
}

// where builds a condition from the parts that are set.
type where struct {
	sql  string
	args []any
}

func (w *where) and(condition string, args ...any) {
	if w.sql == "" {
		w.sql = " WHERE " + condition
	} else {
		w.sql += " AND " + condition
	}
	w.args = append(w.args, args...)
}

// equal adds column = value unless value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.and(column+" = ?", value)
	}
}
