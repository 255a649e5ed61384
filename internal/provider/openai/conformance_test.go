package openai_test

import (
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/provider/script"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t testing.TB, cfg provider.Config) *openai.Provider {
	t.Helper()
	p, err := openai.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// notExpressed are capabilities of the script model that the dialect lacks.
var notExpressed = []model.Capability{model.CanWatchVideo, model.CanCache, model.CanCount}

func capabilities() []model.Capability {
	return slices.DeleteFunc(script.Cards()[0].Capabilities, func(c model.Capability) bool {
		return slices.Contains(notExpressed, c)
	})
}

func TestConformance(t *testing.T) {
	server := newLoopback(t)
	modeltest.Run(t, modeltest.Profile{
		New: func(t testing.TB) model.Provider {
			return connect(t, provider.Config{Kind: "openai", BaseURL: server.URL + "/v1"})
		},
		Model: script.ChatModel, EmbedModel: script.EmbedModel,
		Capabilities: capabilities(), Scripted: true,
		InFlight: server.InFlight,
	})
}
