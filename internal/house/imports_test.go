package house

import (
	"strings"
	"testing"
)

// rule forbids imports. Paths are relative to the module; a trailing slash
// means the package and everything below it.
type rule struct {
	from   string
	reason string
	// allowed reports whether an import is permitted.
	allowed func(path string) bool
}

var rules = []rule{
	{"internal/model", "the hub is what everybody depends on, so it depends on the standard library only",
		func(p string) bool { return standard(p) }},
	{"internal/wire/", "codecs are pure: bytes to hub and back, without network, clock or credentials",
		func(p string) bool {
			if standard(p) {
				return p != "net" && p != "os" && p != "time/tzdata"
			}
			return hasAny(p, "internal/model", "internal/wire/", "github.com/go-json-experiment/json", "github.com/tidwall/",
				"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream")
		}},
	{"internal/edge", "the edge knows contracts and callers, never upstreams: that would be N times M",
		func(p string) bool { return !hasAny(p, "internal/provider/", "internal/store/", "internal/engine") }},
	{"internal/provider/", "an upstream knows its own transport and codec, never who asks",
		func(p string) bool {
			return !hasAny(p, "internal/edge", "internal/store/", "internal/identity", "internal/gateway")
		}},
	{"internal/route", "routing is pure: facts in, candidates out",
		func(p string) bool { return p != "net" && p != "net/http" && p != "os" && p != "database/sql" }},
	{"internal/session", "the journal's contract knows no database",
		func(p string) bool {
			return standard(p) && p != "database/sql" || hasAny(p, "internal/session", "internal/model")
		}},
	{"internal/identity", "who may do what is decided without storage or network",
		func(p string) bool {
			return standard(p) && p != "net/http" || hasAny(p, "internal/identity", "internal/model")
		}},
}

// drivers may be imported by the stores only.
var drivers = []string{"modernc.org/sqlite", "github.com/jackc/pgx", "database/sql", "github.com/pressly/goose"}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		for _, spec := range s.file.Imports {
			path := strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module)
			for _, r := range rules {
				if under(s.dir, r.from) && !r.allowed(path) {
					t.Errorf("%s imports %s: %s", s.path, path, r.reason)
				}
			}
			if hasAny(path, drivers...) && !under(s.dir, "internal/store/") {
				t.Errorf("%s imports %s: only the stores know a database driver", s.path, path)
			}
			if path == "internal/provider/all" && !under(s.dir, "cmd/") {
				t.Errorf("%s imports %s: only the command knows every upstream", s.path, path)
			}
		}
	}
}

// under reports whether dir is the package a rule names, or below it when the
// rule ends in a slash.
func under(dir, from string) bool {
	base := strings.TrimSuffix(from, "/")
	return dir == base || strings.HasPrefix(dir, base+"/") && strings.HasSuffix(from, "/")
}

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != "internal" && first != "cmd"
}

func hasAny(path string, prefixes ...string) bool {
	for _, p := range prefixes {
		if path == strings.TrimSuffix(p, "/") || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return true
		}
	}
	return false
}
