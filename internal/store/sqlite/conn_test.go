package sqlite

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// writerTx runs op on the writer's connection.
func writerTx(t *testing.T, op func(sqlstore.Tx) error) error {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.write.Write(context.Background(), sqlstore.Scope{}, op)
}

// TestValues passes each type through the writer's connection, empty and large
// ones too, the same statement again and again.
func TestValues(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte{0, 1, 0xff}, keep)
	err := writerTx(t, func(tx sqlstore.Tx) error {
		for _, c := range []struct {
			number int64
			text   string
			bytes  []byte
		}{{1, "a", []byte("b")}, {-1 << 62, "", []byte{}}, {0, "with \x00 inside, ä", large}, {7, string(large[:0]) + "again", []byte{0}}} {
			for range 2 {
				rows, err := tx.Query("SELECT ?, ?, ?, ?", c.number, c.text, c.bytes, 3)
				if err != nil {
					return err
				}
				var number int64
				var text string
				var got []byte
				var three int
				if !rows.Next() {
					t.Fatal("no row", rows.Err())
				}
				if err := rows.Scan(&number, &text, &got, &three); err != nil {
					return err
				}
				if rows.Next() || rows.Err() != nil || rows.Close() != nil || rows.Close() != nil {
					t.Error("after the only row:", rows.Err())
				}
				if number != c.number || text != c.text || !bytes.Equal(got, c.bytes) || got == nil || three != 3 {
					t.Errorf("%d, %q and %d bytes came back as %d, %q and %d", c.number, c.text, len(c.bytes), number, text, len(got))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStatementsInsideThemselves reads one query while it is read already.
func TestStatementsInsideThemselves(t *testing.T) {
	t.Parallel()
	const query = "SELECT 1 UNION SELECT 2 UNION SELECT 3"
	var pairs strings.Builder
	err := writerTx(t, func(tx sqlstore.Tx) error {
		outer, err := tx.Query(query)
		if err != nil {
			return err
		}
		for outer.Next() {
			var a, b string
			if err := outer.Scan(&a); err != nil {
				return err
			}
			inner, err := tx.Query(query)
			if err != nil {
				return err
			}
			for inner.Next() {
				if err := inner.Scan(&b); err != nil {
					return err
				}
				pairs.WriteString(a + b + " ")
			}
			if err := inner.Close(); err != nil {
				return err
			}
		}
		return outer.Close()
	})
	if err != nil || pairs.String() != "11 12 13 21 22 23 31 32 33 " {
		t.Errorf("%v, %s", err, pairs.String())
	}
}

// TestFailures says what is wrong and leaves the connection usable.
func TestFailures(t *testing.T) {
	t.Parallel()
	err := writerTx(t, func(tx sqlstore.Tx) error {
		const insert = "INSERT INTO nodes (id, kind, reads, live_until) VALUES (?, ?, ?, ?)"
		if n, err := tx.Exec(insert, "n", "k", 1, int64(2)); n != 1 || err != nil {
			t.Error(n, err)
		}
		_, err := tx.Exec(insert, "n", "k", 1, int64(2))
		if f := (*failure)(nil); !errors.As(err, &f) || !dialect.IsConflict(err) || !strings.Contains(err.Error(), "UNIQUE") {
			t.Errorf("a second row: %v", err)
		}
		if _, err := tx.Exec(insert, "n", nil, 1, int64(2)); err == nil || dialect.IsConflict(err) {
			t.Errorf("nothing where something must be: %v", err)
		}
		for _, query := range []string{"SELECT nonsense FROM nowhere", "SELECT ?"} {
			if _, err := tx.Query(query, struct{}{}); err == nil {
				t.Errorf("%s was run", query)
			}
		}
		for query, dest := range map[string][]any{
			"SELECT NULL": {new(int64)}, "SELECT 1, 2": {new(int64)}, "SELECT 2": {new(struct{})},
		} {
			rows, err := tx.Query(query)
			if err != nil {
				return err
			}
			if !rows.Next() || rows.Scan(dest...) == nil || rows.Close() != nil || rows.Scan(dest...) == nil {
				t.Errorf("%s was read as %T", query, dest[0])
			}
		}
		rows, err := tx.Query("SELECT COUNT(*), NULL FROM nodes WHERE kind = ?", "k")
		if err != nil {
			return err
		}
		n, none := 0, []byte("before")
		if !rows.Next() || rows.Scan(&n, &none) != nil || n != 1 || none != nil {
			t.Errorf("there are %d rows and %q", n, none)
		}
		return rows.Close()
	})
	if err != nil {
		t.Error(err)
	}
}
