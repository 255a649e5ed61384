package raw

import "strings"

// Twin returns the known name that a member's name is but for case; empty where
// it is one of them, or none. Upstreams that compare names so, as Go's
// encoding/json does, would take the one for the other.
func Twin(name string, known []string) string {
	if isPlain(name) {
		return ""
	}
	for _, k := range known {
		if k != name && strings.EqualFold(k, name) {
			return k
		}
	}
	return ""
}

// isPlain reports whether a name is written as the contracts write theirs.
func isPlain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
