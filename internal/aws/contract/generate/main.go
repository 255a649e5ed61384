// Command generate turns a service model of botocore into the compact table
// that package contract embeds. It is for whoever raises a model version; a
// build never runs it.
//
// It guarantees that no documentation text of the model gets into the table
// and that everything the table leaves out is known to be unneeded: an unknown
// trait, an expression without a tested equivalent or a URI form that the
// router does not know stops it.
//
//	go run ./internal/aws/contract/generate -source "botocore 1.44.5" \
//	    -out internal/aws/contract/tables .../bedrock-runtime/2023-09-30/service-2.json.gz
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/craton-ai/craton/internal/aws/contract/table"
)

func main() {
	source := flag.String("source", "", "package and version the models come from, recorded in the table")
	out := flag.String("out", "tables", "directory to write NAME.json into")
	flag.Parse()
	if *source == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: generate -source \"botocore VERSION\" [-out DIR] service-2.json[.gz] ...")
		os.Exit(2)
	}
	for _, path := range flag.Args() {
		if err := generate(path, *source, *out); err != nil {
			fmt.Fprintf(os.Stderr, "generate: %s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func generate(path, source, dir string) error {
	data, err := readModel(path)
	if err != nil {
		return err
	}
	t, err := convert(data, source)
	if err != nil {
		return err
	}
	b, err := table.Write(t)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, t.Name+".json"), b, 0o644)
}

// readModel reads a model, unpacked if it is compressed.
func readModel(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
