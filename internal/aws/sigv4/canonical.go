package sigv4

import (
	"slices"
	"strings"
)

// unreserved are the bytes that RFC 3986 section 2.3 leaves as they are.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends s with all but unreserved bytes, and "/" if keep is
// '/', percent-encoded.
func appendEscaped(dst []byte, s string, keep byte) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved(c) || c == keep {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// unescape decodes percent-encoding; a malformed escape stays as it is. plus
// says whether "+" means a space, as in queries.
func unescape(s string, plus bool) string {
	if !strings.ContainsRune(s, '%') && !(plus && strings.ContainsRune(s, '+')) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		case c == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// paths returns the canonical paths that rule accepts for path: one, or two
// where clients differ.
func (r *Rule) paths(path string) []string {
	if path == "" {
		path = "/"
	}
	if r.s3 {
		strict := string(appendEscaped(nil, unescape(path, false), '/'))
		if strict == path || strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return []string{strict}
		}
		// Some clients leave sub-delimiters such as "(" bare and sign that.
		return []string{strict, path}
	}
	asSent := string(appendEscaped(nil, path, '/'))
	clean := normalize(path)
	if clean == path || r.Path == NormalizeNever {
		return []string{asSent}
	}
	cleaned := string(appendEscaped(nil, clean, '/'))
	if r.Path == NormalizeAlways {
		return []string{cleaned}
	}
	return []string{asSent, cleaned}
}

// normalize removes empty, "." and ".." segments and keeps a trailing slash.
func normalize(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	for seg := range strings.SplitSeq(path, "/") {
		switch seg {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, seg)
		}
	}
	clean := "/" + strings.Join(out, "/")
	if len(out) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}
	return clean
}

// appendQuery appends the canonical query: each name and value decoded and
// encoded again, sorted, without the signature and, where the rule says so,
// the token. A "+" is a space, as for whoever parses the query afterwards.
func appendQuery(dst []byte, raw string, without ...string) []byte {
	if raw == "" {
		return dst
	}
	type pair struct{ name, value string }
	pairs := make([]pair, 0, 1+strings.Count(raw, "&"))
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || slices.Contains(without, name) {
			continue
		}
		pairs = append(pairs, pair{
			string(appendEscaped(nil, unescape(name, true), 0)),
			string(appendEscaped(nil, unescape(value, true), 0)),
		})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

// appendHeaders appends the canonical headers for exactly the listed names, in
// the listed order. A listed header that is absent counts as empty.
func appendHeaders(dst []byte, r *Request, names []string) []byte {
	for _, name := range names {
		dst = append(append(dst, name...), ':')
		for i, v := range r.header(name) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendTrimmed(dst, v)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendTrimmed appends v without space around it and with runs of white
// space, also inside quotes, as one space.
func appendTrimmed(dst []byte, v string) []byte {
	start, space := len(dst), false
	for i := range len(v) {
		switch c := v[i]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			dst, space = append(dst, c), false
		}
	}
	return dst
}

// canonical builds the canonical request for one canonical path.
func (c *claim) canonical(r *Request, rule *Rule, path, payloadHash string) []byte {
	b := make([]byte, 0, 512+len(path)+len(r.Query))
	b = append(append(b, r.Method...), '\n')
	b = append(append(b, path...), '\n')
	without := []string{}
	if c.presigned {
		without = append(without, "X-Amz-Signature")
		if rule.UnsignedToken {
			without = append(without, "X-Amz-Security-Token")
		}
	}
	b = append(appendQuery(b, r.Query, without...), '\n')
	b = append(appendHeaders(b, r, c.signed), '\n')
	for i, name := range c.signed {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	return append(append(b, '\n'), payloadHash...)
}
