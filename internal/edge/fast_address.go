package edge

import (
	"bytes"
	"slices"
)

// mayNameAddress reports whether a JSON body may hold an address that a server
// would fetch. It never misses one that a reader of the dialects would find,
// and errs on the other side: a text that begins with an address counts too.
//
// It looks at the bytes: strings that begin like an address, members whose
// name ends in url and hold a string other than a data: URL, and escapes that
// could hide either.
func mayNameAddress(body []byte) bool {
	for rest := body; ; {
		at := bytes.IndexByte(rest, '\\')
		if at < 0 || at+1 >= len(rest) {
			break
		}
		if hidesASCII(rest[at+1:]) {
			return true
		}
		rest = rest[at+2:]
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '"' {
			continue
		}
		end := stringEnd(body, i+1)
		if beginsAddress(body[i+1:end]) || endsURL(body[i+1:end]) && holdsAddress(body[min(end+1, len(body)):]) {
			return true
		}
		i = end
	}
	return false
}

// stringEnd is the index of the quote that ends the string which begins at i.
func stringEnd(body []byte, i int) int {
	for i < len(body) {
		n := bytes.IndexByte(body[i:], '"')
		if n < 0 {
			return len(body)
		}
		end, slashes := i+n, 0
		for end-slashes-1 >= i && body[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		i = end + 1
	}
	return len(body)
}

// hidesASCII reports whether an escape, without its backslash, stands for a
// character that could as well be written as it is: nobody needs one, but for
// quotes, angle brackets and the ampersand, which careful encoders escape.
func hidesASCII(escape []byte) bool {
	if len(escape) < 5 || escape[0] != 'u' || escape[1] != '0' || escape[2] != '0' || escape[3] < '2' || escape[3] > '7' {
		return false
	}
	harmless := [...]string{"22", "26", "27", "3c", "3e", "3C", "3E", "7f", "7F"}
	return !slices.Contains(harmless[:], string(escape[3:5]))
}

// addressSchemes begin what a server might fetch.
var addressSchemes = [...]string{"http", "file:", "ftp", "s3:", "gs:"}

func beginsAddress(text []byte) bool {
	text = text[:min(len(text), 32)]
	text = bytes.TrimLeft(text, " ")
	for _, scheme := range addressSchemes {
		if len(text) >= len(scheme) && bytes.EqualFold(text[:len(scheme)], []byte(scheme)) {
			return true
		}
	}
	return false
}

func endsURL(name []byte) bool {
	return len(name) >= 3 && bytes.EqualFold(name[len(name)-3:], []byte("url"))
}

// holdsAddress reports whether what follows a string is a colon and another
// string that is no data: URL. An object's own members are looked at in turn.
func holdsAddress(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == '"' && !bytes.HasPrefix(rest, []byte(`"data:`)) && !bytes.HasPrefix(rest, []byte(`""`))
}
