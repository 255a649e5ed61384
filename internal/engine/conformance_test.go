package engine_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/engine"
	"github.com/craton-ai/craton/internal/engine/server"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
)

// TestConformance runs the suite over the real engine: the child process of
// the built binary with the library and model the environment names.
func TestConformance(t *testing.T) {
	library, path, binary := os.Getenv("CRATON_TEST_ENGINE_LIB"), os.Getenv("CRATON_TEST_ENGINE_MODEL"), os.Getenv("CRATON_TEST_BINARY")
	if library == "" || path == "" || binary == "" {
		t.Skip("set CRATON_TEST_ENGINE_LIB (library directory), CRATON_TEST_ENGINE_MODEL (GGUF file) and CRATON_TEST_BINARY (bin/craton) to run this test")
	}
	process := engine.Process{Path: binary, Args: []string{"engine", "child"}, Log: slog.New(slog.DiscardHandler),
		Stdin: func(token string) ([]byte, error) {
			return json.Marshal(map[string]any{"library": library, "token": token,
				"models": []server.ModelSpec{{Name: "small", Path: path, ContextTokens: 2048, Parallel: 2}}})
		}}
	e := engine.New(engine.Options{
		Launch: process.Launch, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Cards: func() ([]model.Card, error) {
			return []model.Card{{ID: "small", Capabilities: engineCapabilities}}, nil
		},
		Dial: func(url, token string) (model.Provider, error) {
			p, err := openai.New(provider.Config{Kind: "openai", BaseURL: url + "/v1", APIKey: provider.StaticKey(token),
				OpenAI: provider.OpenAI{MaxTokensName: "max_tokens", NoDeveloperRole: true}})
			return openai.Counting{Provider: p}, err
		},
	})
	t.Cleanup(func() { e.Close() })
	modeltest.Run(t, modeltest.Profile{
		New: func(testing.TB) model.Provider { return brief{e} }, Model: "small", Capabilities: engineCapabilities,
		Omit: map[string]string{
			"tool_call":       "a model of 135 million parameters calls tools only when it must, which tool_choice_forced shows",
			"tool_round_trip": "as tool_call",
			"parallel_tools":  "as tool_call",
		},
	})
}

// longest is how many tokens an answer may have here: a small model may ramble
// until its context is full.
const longest = 128

// brief allows one call at a time, bounds answers and takes the likeliest, so that they are the same each time.
type brief struct{ *engine.Engine }

func (b brief) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	bounded, most, greedy := *req, longest, 0.0
	if req.MaxTokens == nil || *req.MaxTokens > longest {
		bounded.MaxTokens = &most
	}
	bounded.Temperature = &greedy
	if one := false; req.ParallelTools == nil {
		bounded.ParallelTools = &one
	}
	return b.Engine.Generate(ctx, &bounded)
}

// engineCapabilities are what the engine does with any chat model.
var engineCapabilities = []model.Capability{model.CanChat, model.CanStream, model.CanTools, model.CanParallelTools,
	model.CanStrictTools, model.CanSchema, model.CanSeed, model.CanLogprobs, model.CanCount}
