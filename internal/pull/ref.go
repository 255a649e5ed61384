package pull

import (
	"errors"
	"fmt"
	"strings"
)

// Ref is a parsed reference to one source.
type Ref struct {
	// Scheme is "hf", "ollama", "pypi", "npm", "https", "http" or "file".
	Scheme string
	// Name is what the scheme names: OWNER/REPO, a model, a package, a URL or a path.
	Name string
	// Version is a revision, tag or version; empty for the scheme's default.
	Version string
	// Path is the file inside: a hub repository's file or an archive's member.
	Path string
	// SHA256 is the wanted digest in hex; empty when the reference states none.
	SHA256 string
	text   string
}

// String is the reference as it was written.
func (r Ref) String() string { return r.text }

// ParseRefs reads a reference with its mirrors.
func ParseRefs(s string) ([]Ref, error) {
	var refs []Ref
	for _, one := range strings.Split(s, "|") {
		r, err := parseRef(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("reference %q: %w", one, err)
		}
		refs = append(refs, r)
	}
	return refs, nil
}

var errScheme = errors.New("it must begin with hf, ollama, pypi, npm, https or file and a colon")

func parseRef(s string) (Ref, error) {
	r := Ref{text: s}
	body, sum, _ := strings.Cut(s, "#sha256=")
	if sum != "" && len(sum) != 64 {
		return r, errors.New("a SHA-256 digest has 64 hexadecimal digits")
	}
	r.SHA256 = strings.ToLower(sum)
	scheme, rest, ok := strings.Cut(body, ":")
	if !ok || rest == "" {
		return r, errScheme
	}
	r.Scheme = scheme
	switch scheme {
	case "hf":
		rest, r.Version, _ = strings.Cut(rest, "@")
		parts := strings.SplitN(rest, "/", 3)
		if len(parts) < 3 || parts[2] == "" {
			return r, errors.New("a hub reference is hf:OWNER/REPO/FILE")
		}
		r.Name, r.Path = parts[0]+"/"+parts[1], parts[2]
	case "ollama":
		r.Name, r.Version, _ = strings.Cut(rest, ":")
	case "pypi":
		rest, r.Path, _ = strings.Cut(rest, "!")
		r.Name, r.Version, ok = strings.Cut(rest, "==")
		if !ok || r.Path == "" {
			return r, errors.New("a wheel reference is pypi:PACKAGE==VERSION!PATH")
		}
	case "npm":
		at := strings.LastIndexByte(rest, '@')
		if at <= 0 {
			return r, errors.New("a package reference is npm:PACKAGE@VERSION")
		}
		r.Name, r.Version = rest[:at], rest[at+1:]
	case "https", "http":
		r.Name = body
	case "file":
		r.Name = strings.TrimPrefix(rest, "//")
	default:
		return r, errScheme
	}
	return r, nil
}
