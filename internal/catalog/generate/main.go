// Command generate writes the catalogue's cards.jsonl from two public price
// lists. It is for maintainers, who run it when vendors change prices:
//
//	go run ./internal/catalog/generate -prices DIR -out internal/catalog/cards.jsonl
//
// DIR holds a copy of github.com/anomalyco/models.dev as "models.dev" and of
// github.com/BerriAI/litellm's price list as
// "litellm_model_prices_and_context_window.json"; both are MIT licensed.
//
// Only facts are taken: numbers, dates and what a model can do. Which models
// are listed, their names and licences stand in selection.txt. Guarantees: the
// same input writes the same file; a selected model that no list knows, and a
// price that is not exact in pico-USD per token, stop the run.
package main

import (
	"bytes"
	_ "embed" // for the selection
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/craton-ai/craton/internal/catalog/table"
)

//go:embed selection.txt
var selection string

func main() {
	prices := flag.String("prices", "", "directory with the price lists")
	out := flag.String("out", "cards.jsonl", "file to write")
	flag.Parse()
	if err := run(*prices, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(prices, out string) error {
	if prices == "" {
		return fmt.Errorf("name the directory with the price lists: -prices DIR")
	}
	root, err := os.OpenRoot(prices)
	if err != nil {
		return err
	}
	defer root.Close()
	sheet, err := build(root.FS(), selection)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := table.Write(&b, sheet); err != nil {
		return err
	}
	fmt.Printf("%d models, prices of %s\n", len(sheet.Rows), sheet.Date)
	return os.WriteFile(filepath.Clean(out), b.Bytes(), 0o644)
}
