package config

import (
	"strings"
	"testing"
)

// FuzzParse reads documents of any form: what is wrong with one is an error that
// names the file, whatever it is.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "#", "---\n...\n", "a", "- a", "? a\n: b", "? [a]\n: {b: c}", "listen: &a 127.0.0.1:1\nregion: *a",
		"upstreams: &l\n  - &u {kind: script}\n  - <<: *u\n    name: b", "upstreams: [[]]", "guards: {idle: |\n  soon}",
		"limits: {max_concurrent: !!str 3}", "hosts: [!!x a]", "aliases:\n  ? a\n", "aliases: {a: , b}", "prices: {a: {input: >-\n x}}",
		"guards:\n  idle:\n    - 3s\n", "retention: {uploads: ~}", "\xff", "a: \"\\x\"", "observe: {sample: .nan}", "&a *a", "<<: 3", "tools: {servers: [{env: {a: 1}}]}",
		"upstreams: &a\n  - *a", "upstreams:\n  ! 0\n  #0000000", // the reader breaks down over this one
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		cfg, err := parse("craton.yaml", raw)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "craton.yaml") {
				t.Errorf("the error is %q", err)
			}
			return
		}
		cfg.fill(func(string) string { return "" })
		_ = cfg.validate() // it may be anything but a panic
	})
}
