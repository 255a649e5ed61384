package observe

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// appendAccess appends a as a line of JSON, of the shape slog's handler gives
// the server's other lines.
func appendAccess(b []byte, a *Access) []byte {
	b = append(b, '{')
	if !a.At.IsZero() {
		b = append(a.At.AppendFormat(append(b, `"time":"`...), time.RFC3339Nano), `",`...)
	}
	level := slog.LevelInfo
	if a.Status >= 500 {
		level = slog.LevelError
	}
	b = append(append(append(b, `"level":"`...), level.String()...), `","msg":"request"`...)
	b = appendField(b, "request_id", a.RequestID)
	b = appendField(b, "method", a.Method)
	b = appendField(b, "path", a.Path)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(a.Status), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), a.Bytes, 10)
	b = strconv.AppendFloat(append(b, `,"duration_ms":`...), float64(a.Duration.Microseconds())/1e3, 'f', -1, 64)
	if a.Stream {
		b = append(b, `,"stream":true`...)
	}
	b = appendField(b, "dialect", a.Dialect)
	b = appendField(b, "tenant", a.Tenant)
	b = appendField(b, "key", a.KeyID)
	b = appendField(b, "model", a.Model)
	b = appendField(b, "upstream", a.Upstream)
	b = appendField(b, "remote", a.Remote)
	b = appendField(b, "trace_id", a.TraceID)
	if a.Err != nil {
		b = appendField(b, "err", a.Err.Error())
	}
	return append(b, "}\n"...)
}

// appendField appends a member after others, if it is not empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	if isSimple(value) {
		return append(append(append(b, '"'), value...), '"')
	}
	b, _ = jsontext.AppendQuote(b, value) // its error tells of bytes that are not text, which it replaced
	return b
}

// isSimple reports whether JSON writes a text as it is.
func isSimple(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
