package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNotEmpty says that a copy would mix with what is there.
var ErrNotEmpty = errors.New("sqlstore: the database to copy to is not empty")

// table is a table's columns, each with its type (t text, n number, b bytes, j
// JSON, i a number that only SQLite has), the first key of which are its primary
// key in SQLite.
type table struct {
	name    string
	key     int
	columns []column
}

type column struct {
	name string
	kind byte
}

// tables are all that hold state, in the order in which they are copied. A
// test compares them with the schema, which has session_tags beside them: the
// copy's own triggers fill it.
func tables() []table {
	return []table{
		newTable("tenants", 1, "id:t name:t account_id:t created_at:n disabled:n root:n daily_nano_usd:n monthly_nano_usd:n version:n"),
		newTable("credentials", 1, "id:t tenant:t lookup:t sealed:b key_fields:b last_used_at:n version:n"),
		newTable("documents", 3, "tenant:t kind:t id:t version:n body:b created_at:n updated_at:n"),
		newTable("sessions", 1, "id:t tenant:t kind:t parent_session:t parent_seq:n created_at:n epoch:n seq:n head:b "+
			"digest_key:b erased_at:n version:n updated_at:n wake_at:n node:t lease_until:n due_at:n takeovers:n quarantine:t newest:i"),
		newTable("events", 1, "id:i session:t seq:n previous:i tenant:t type:t version:n at:n label:t address:t digest:b hash:b erased:n payload:b"),
		newTable("labels", 2, "tenant:t label:t session:t seq:n"),
		newTable("payloads", 2, "tenant:t address:t body:b"),
		newTable("session_facts", 1, "session:t tenant:t status:t metadata:j"),
		newTable("snapshots", 3, "session:t fold:t seq:n tenant:t body:b"),
		newTable("deltas", 4, "session:t seq:n attempt:n first:n last:n tenant:t expires_at:n body:b"),
		newTable("nodes", 2, "id:t kind:t reads:n live_until:n"),
		newTable("usage_records", 3, "tenant:t at:n id:t key_id:t model:t upstream:t dialect:t request_id:t tags:j input:n "+
			"cached_read:n cache_write_5m:n cache_write_1h:n output:n reasoning:n audio_input:n audio_output:n cost:n "+
			"latency_ms:n ttft_ms:n status:n estimated:n attempts:n"),
		newTable("budgets", 3, "tenant:t key_id:t period:t committed:n"),
		newTable("leases", 2, "tenant:t id:t key_id:t period:t granted:n at:n"),
	}
}

func newTable(name string, key int, columns string) table {
	t := table{name: name, key: key}
	for word := range strings.FieldsSeq(columns) {
		t.columns = append(t.columns, column{name: word[:len(word)-2], kind: word[len(word)-1]})
	}
	return t
}

// names lists the columns, as they are selected or inserted.
func (t table) names(columns []column, selected bool) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
		if selected && c.kind == 'j' {
			names[i] = "CAST(" + c.name + " AS TEXT)"
		}
	}
	return strings.Join(names, ", ")
}

// copyPage is how many rows are read and written at once, and copyBytes how
// many bytes of them are written in one statement.
const (
	copyPage  = 200
	copyBytes = 8 << 20
)

// CopyFrom puts everything that is in a SQLite database into this one, of any
// kind, in one transaction: a reader sees all of it or nothing.
// It returns how many rows of each table were copied. With replace, what the
// database held is removed first; else one that holds anything is refused with
// [ErrNotEmpty]. What is written to from meanwhile may be missing: copy a
// snapshot of it.
func (db *DB) CopyFrom(ctx context.Context, from *DB, replace bool) (map[string]int, error) {
	if name := from.engine.Dialect().Name; name != "sqlite" {
		return nil, fmt.Errorf("sqlstore: copying from %s is not supported, only from sqlite", name)
	}
	copied := make(map[string]int)
	err := db.engine.Write(ctx, installation, func(tx Tx) error {
		if err := db.unprotected(tx, false); err != nil {
			return err
		}
		for _, t := range tables() {
			if err := empty(tx, t, replace); err != nil {
				return err
			}
			n, err := from.copyTable(ctx, t, tx, db.linked)
			if err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			copied[t.name] = n
		}
		return db.unprotected(tx, true)
	})
	return copied, failed("copy", err)
}

// unprotected lets the owner of the tables write rows of every tenant, until it
// is called again to restore what the database enforces.
func (db *DB) unprotected(tx Tx, restore bool) error {
	if db.engine.Dialect().Name != "postgres" {
		return nil
	}
	word := map[bool]string{false: "NO FORCE", true: "FORCE"}[restore]
	for _, t := range tables() {
		if !t.protected() {
			continue
		}
		if _, err := tx.Exec("ALTER TABLE " + t.name + " " + word + " ROW LEVEL SECURITY"); err != nil {
			return err
		}
	}
	return nil
}

// protected reports whether rows are visible to their tenant only.
func (t table) protected() bool {
	switch t.name {
	case "tenants", "credentials", "budgets", "leases", "nodes":
		return false
	}
	return true
}

func empty(tx Tx, t table, replace bool) error {
	if replace {
		_, err := tx.Exec("DELETE FROM " + t.name)
		return err
	}
	var row int64
	found, err := one(tx, "SELECT 1 FROM "+t.name+" LIMIT 1", nil, &row)
	if err == nil && found {
		return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, t.name)
	}
	return err
}

// copyTable reads t in pages and writes them to another database, which has
// SQLite's own columns or not.
func (db *DB) copyTable(ctx context.Context, t table, to Tx, own bool) (int, error) {
	keys := t.names(t.columns[:t.key], false)
	query := "SELECT " + t.names(t.columns, true) + " FROM " + t.name
	order := fmt.Sprintf(" ORDER BY %s LIMIT %d", keys, copyPage)
	var last []any
	for copied := 0; ; {
		var page [][]any
		err := db.engine.Read(ctx, everything, func(tx Tx) (err error) {
			where := ""
			if last != nil {
				where = " WHERE (" + keys + ") > (" + marks(t.key) + ")"
			}
			page, err = collect(tx, t.scan, query+where+order, last...)
			return err
		})
		if err != nil {
			return copied, err
		}
		if err := t.insert(to, page, own); err != nil {
			return copied, err
		}
		copied += len(page)
		if len(page) < copyPage {
			return copied, nil
		}
		last = page[len(page)-1][:t.key]
	}
}

// everything is the scope of a copy's reads: that of SQLite, which has one.
var everything = Scope{Role: InstallationRole}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func (t table) scan(row scanner) ([]any, error) {
	dest := make([]any, len(t.columns))
	for i, c := range t.columns {
		switch c.kind {
		case 'n', 'i':
			dest[i] = new(int64)
		case 'b':
			dest[i] = new([]byte)
		default:
			dest[i] = new(string)
		}
	}
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	for i := range dest {
		switch v := dest[i].(type) {
		case *int64:
			dest[i] = *v
		case *[]byte:
			dest[i] = blob(*v)
		case *string:
			dest[i] = *v
		}
	}
	return dest, nil
}

// insert writes rows, some at a time where they are large, with or without the
// columns that only SQLite has.
func (t table) insert(to Tx, page [][]any, own bool) error {
	var columns []column
	for _, c := range t.columns {
		if own || c.kind != 'i' {
			columns = append(columns, c)
		}
	}
	for len(page) > 0 {
		n, size := 0, 0
		var args []any
		for ; n < len(page) && size < copyBytes; n++ {
			for i, v := range page[n] {
				if b, ok := v.([]byte); ok {
					size += len(b)
				}
				if own || t.columns[i].kind != 'i' {
					args = append(args, v)
				}
			}
		}
		row := "(" + marks(len(columns)) + ")"
		if _, err := to.Exec("INSERT INTO "+t.name+" ("+t.names(columns, false)+") VALUES "+
			strings.TrimSuffix(strings.Repeat(row+", ", n), ", "), args...); err != nil {
			return err
		}
		page = page[n:]
	}
	return nil
}
