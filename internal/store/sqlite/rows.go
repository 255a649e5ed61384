package sqlite

import (
	"fmt"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// rows are the answer of a query on the writer's connection. It implements
// [sqlstore.Rows].
type rows struct {
	statement *statement // nil once closed
	err       error
}

// Next implements [sqlstore.Rows].
func (r *rows) Next() bool {
	if r.statement == nil || r.err != nil {
		return false
	}
	c := r.statement.conn
	switch rc := sqlite3.Xsqlite3_step(c.tls, r.statement.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true
	case sqlite3.SQLITE_DONE:
	default:
		r.err, c.touched = c.failed(rc), true
	}
	r.rest()
	return false
}

// Err implements [sqlstore.Rows].
func (r *rows) Err() error { return r.err }

// Close implements [sqlstore.Rows].
func (r *rows) Close() error {
	r.rest()
	return nil
}

func (r *rows) rest() {
	if r.statement != nil {
		r.statement.rest()
		r.statement = nil
	}
}

// Scan implements [sqlstore.Rows]: it copies the columns into pointers to
// int64, int, string and []byte. A NULL is an error but for bytes.
func (r *rows) Scan(dest ...any) error {
	if r.statement == nil {
		return fmt.Errorf("sqlite: there is no row to read")
	}
	tls, handle := r.statement.conn.tls, r.statement.handle
	if n := sqlite3.Xsqlite3_column_count(tls, handle); int(n) != len(dest) {
		return fmt.Errorf("sqlite: %d columns of %q are read as %d", n, r.statement.query, len(dest))
	}
	for i := range dest {
		n := int32(i)
		null := sqlite3.Xsqlite3_column_type(tls, handle, n) == sqlite3.SQLITE_NULL
		switch v := dest[i].(type) {
		case *[]byte:
			*v = nil
			if !null {
				*v = append([]byte{}, r.bytes(n)...)
			}
			continue
		case *int64:
			*v = sqlite3.Xsqlite3_column_int64(tls, handle, n)
		case *int:
			*v = int(sqlite3.Xsqlite3_column_int64(tls, handle, n))
		case *string:
			*v = string(r.bytes(n))
		default:
			return fmt.Errorf("sqlite: column %d of %q cannot be read as %T", n+1, r.statement.query, dest[i])
		}
		if null {
			return fmt.Errorf("sqlite: column %d of %q is NULL", n+1, r.statement.query)
		}
	}
	return nil
}

// bytes are a column's, in SQLite's memory, until the next step.
func (r *rows) bytes(column int32) []byte {
	tls, handle := r.statement.conn.tls, r.statement.handle
	// The address first: asking for it may convert the value.
	address := sqlite3.Xsqlite3_column_blob(tls, handle, column)
	size := sqlite3.Xsqlite3_column_bytes(tls, handle, column)
	if address == 0 || size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(address)), size)
}
