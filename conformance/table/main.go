// Command table makes docs/COMPATIBILITY.md from what the client runners of
// conformance reported.
//
// A runner writes one JSON object per line and test to .cache/conformance/NAME*.jsonl:
//
//	{"sdk":"openai (Python)","version":"3.54.0","case":"streaming","ok":true}
//	{"sdk":"AWS CLI","version":"1.46.3","case":"streaming","na":"the CLI cannot stream"}
//
// Several lines of one SDK and case are one cell, which holds when all hold.
// Cases of the list in cases.go are the rows of the matrix; further ones are
// listed under their SDK. The document depends on the outcomes only: no dates,
// no durations, a fixed order.
//
// For maintainers: it prints the document, and fails when a case failed.
//
//	go run ./conformance/table .cache/conformance/*.jsonl > docs/COMPATIBILITY.md
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// outcome is one line of a runner.
type outcome struct {
	// SDK is the client and, if it has several, its language.
	SDK     string `json:"sdk"`
	Version string `json:"version"`
	Case    string `json:"case"`
	OK      bool   `json:"ok"`
	// NA says why the case does not exist for this client; empty means it was run.
	NA string `json:"na"`
}

func main() {
	all, err := read(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	doc, failed := render(all)
	if _, err := os.Stdout.WriteString(doc); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	for _, f := range failed {
		fmt.Fprintln(os.Stderr, "failed:", f)
	}
	if len(failed) > 0 {
		os.Exit(1)
	}
}

// read returns the outcomes of the files, in order.
func read(files []string) ([]outcome, error) {
	var all []outcome
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(raw))
		for n := 1; lines.Scan(); n++ {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var o outcome
			if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, err)
			}
			if o.SDK == "" || o.Case == "" || o.Version == "" {
				return nil, fmt.Errorf("%s:%d: sdk, version and case are required", file, n)
			}
			o.OK = o.OK || o.NA != ""
			all = append(all, o)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}
