package script_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/provider/script"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newModel(t testing.TB, cfg script.Config) *script.Model {
	t.Helper()
	m, err := script.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestConformance(t *testing.T) {
	t.Parallel()
	modeltest.Run(t, modeltest.Profile{
		New:          func(t testing.TB) model.Provider { return newModel(t, script.Config{}) },
		Model:        script.ChatModel,
		EmbedModel:   script.EmbedModel,
		Capabilities: script.Cards()[0].Capabilities,
		Scripted:     true,
	})
}

func TestConformanceOfABlindModel(t *testing.T) {
	t.Parallel()
	card := model.Card{ID: "script-blind", Capabilities: []model.Capability{model.CanChat, model.CanStream}}
	modeltest.Run(t, modeltest.Profile{
		New: func(t testing.TB) model.Provider {
			return newModel(t, script.Config{Models: []model.Card{card}})
		},
		Model: card.ID, Capabilities: card.Capabilities, Scripted: true,
	})
}
