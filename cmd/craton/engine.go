package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/engine"
	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/pull"
)

type engineCommand struct {
	Install engineInstall `cmd:"" help:"Install the inference library and the default model."`
	Child   engineChild   `cmd:"" hidden:"" help:"Run as the engine's child process; its options are a JSON line on standard input."`
}

type engineInstall struct {
	Data    string `help:"Data directory." env:"CRATON_DATA"`
	From    string `help:"Copy the library from this directory instead of downloading it." type:"existingdir"`
	Variant string `help:"Accelerated build: cuda or vulkan; default cuda where an NVIDIA device is found." enum:",cpu,cuda,vulkan" default:""`
	NoModel bool   `help:"Do not fetch the default model."`
}

// Run installs what is missing; it is quick when nothing is.
func (c engineInstall) Run(ctx context.Context, s streams) error {
	data := c.Data
	if data == "" {
		data = config.DefaultData(s.getenv)
	}
	bar := newProgress(s.err)
	defer bar.finish()
	fetcher := newFetcher(s)
	dir := pull.LibraryDir(data)
	switch {
	case pull.LibraryInstalled(dir) && c.From == "":
		fmt.Fprintf(s.out, "The inference library is installed in %s.\n", dir)
	case c.From != "":
		if err := pull.InstallLibraryFrom(c.From, dir); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Installed the inference library in %s.\n", dir)
	default:
		fmt.Fprintln(s.out, "Fetching the inference library llama.cpp (MIT licence).")
		if err := fetcher.InstallLibrary(ctx, dir, c.variant(), bar.report); err != nil {
			return fmt.Errorf("%w\nWithout a network: copy %s from a machine that has it and run `craton engine install --from DIRECTORY --no-model`", err, dir)
		}
		bar.finish()
		fmt.Fprintf(s.out, "Installed the inference library in %s.\n", dir)
	}
	if c.NoModel {
		return nil
	}
	store, err := openModels(data, fetcher, bar)
	if err != nil {
		return err
	}
	if m, err := store.Get(pull.DefaultModelName); err == nil {
		fmt.Fprintf(s.out, "The model %s is installed.\n", m.Name)
		return nil
	}
	fmt.Fprintf(s.out, "Fetching the model %s (%s licence).\n", pull.DefaultModelName, pull.DefaultModelLicence)
	m, err := store.Pull(ctx, pull.Request{Name: pull.DefaultModelName, Ref: pull.DefaultModel, Licence: pull.DefaultModelLicence})
	bar.finish()
	if err != nil {
		return fmt.Errorf("%w\nWithout a network: `craton models pull --name NAME file:/PATH/TO/MODEL.gguf` takes a model from a file", err)
	}
	fmt.Fprintf(s.out, "Installed the model %s (%d MB).\n", m.Name, m.Size>>20)
	return nil
}

func (c engineInstall) variant() string {
	if c.Variant == "cpu" {
		return ""
	}
	if c.Variant == "" {
		if _, err := os.Stat("/dev/nvidiactl"); err == nil {
			return "cuda"
		}
	}
	return c.Variant
}

// childOptions is the line the supervisor writes to the child.
type childOptions struct {
	Library     string             `json:"library"`
	Models      []server.ModelSpec `json:"models"`
	Token       string             `json:"token"`
	Threads     int                `json:"threads,omitempty"`
	MemoryLimit int64              `json:"memory_limit,omitempty"`
}

type engineChild struct{}

// Run serves as the engine's child until standard input ends.
func (engineChild) Run(ctx context.Context, s streams) error {
	var o childOptions
	in := json.NewDecoder(s.in)
	if err := in.Decode(&o); err != nil {
		return fmt.Errorf("the options on standard input do not decode: %w", err)
	}
	say := json.NewEncoder(s.out)
	err := server.Run(ctx, server.Options{
		Library: o.Library, Models: o.Models, Listen: "127.0.0.1:0", Token: o.Token, Threads: o.Threads, MemoryLimit: o.MemoryLimit,
		Log:    slog.New(slog.NewTextHandler(s.err, nil)),
		Ready:  func(addr string) { _ = say.Encode(engine.Ready{Listen: addr}) }, // the parent is gone if this fails, and ends us
		Parent: io.MultiReader(in.Buffered(), s.in),
	})
	if err != nil {
		return errors.Join(err, say.Encode(engine.Ready{Error: err.Error()}))
	}
	return nil
}

// newFetcher downloads with the machine's own package clients where only they
// know the registry. The operator runs it, so it may reach any address.
func newFetcher(s streams) *pull.Fetcher {
	return &pull.Fetcher{
		Client: &http.Client{Transport: http.DefaultTransport},
		Getenv: s.getenv,
		Run: func(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
			cmd := exec.CommandContext(ctx, name, args...)
			cmd.Dir = dir
			out, err := cmd.Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return exit.Stderr, err
			}
			return out, err
		},
	}
}

func openModels(data string, fetcher *pull.Fetcher, bar *progress) (*pull.Store, error) {
	return pull.Open(filepath.Join(data, "models"), fetcher, time.Now, bar.report)
}
