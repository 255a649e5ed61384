package engine

import (
	"slices"
	"strings"
)

// environment is the child's: the server's without its secrets, which a child
// that reads model files from anywhere has no use for. A foreign command may
// fetch models by itself and keeps credentials that are not this server's.
func environment(server []string, foreign bool) []string {
	return slices.DeleteFunc(slices.Clone(server), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		name = strings.ToUpper(name)
		if strings.HasPrefix(name, "CRATON_") || strings.HasPrefix(value, "postgres://") || strings.HasPrefix(value, "postgresql://") {
			return true
		}
		_, rest, address := strings.Cut(value, "://")
		return !foreign && (address && strings.Contains(rest, "@") ||
			slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) }))
	})
}

var secretWords = []string{"KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH"}
