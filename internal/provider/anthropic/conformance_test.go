package anthropic_test

import (
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/cassette"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/anthropic"
	"github.com/craton-ai/craton/internal/provider/script"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t testing.TB, cfg provider.Config) *anthropic.Provider {
	t.Helper()
	cfg.Kind = "anthropic"
	p, err := anthropic.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// profile is the script model through the dialect, less what it cannot express.
func profile(connect func(testing.TB) model.Provider) modeltest.Profile {
	lacks := []model.Capability{model.CanHearAudio, model.CanWatchVideo, model.CanLogprobs, model.CanSeed}
	return modeltest.Profile{
		New: connect, Model: script.ChatModel, Scripted: true,
		Capabilities: slices.DeleteFunc(script.Cards()[0].Capabilities, func(c model.Capability) bool { return slices.Contains(lacks, c) }),
		Omit: map[string]string{
			"choices":     "the dialect has one answer",
			"json_object": "the dialect asks for JSON by schema only",
		},
	}
}

func TestConformance(t *testing.T) {
	server := newLoopback(t)
	p := profile(func(t testing.TB) model.Provider { return connect(t, provider.Config{BaseURL: server.URL}) })
	p.InFlight = server.InFlight
	modeltest.Run(t, p)
}

// TestCassette runs the suite over recorded exchanges. Recording starts the
// loopback server; a replay needs none.
func TestCassette(t *testing.T) {
	base := "http://upstream.test"
	if cassette.Recording() {
		base = newLoopback(t).URL
	}
	tape := cassette.Open(t, "testdata/loopback.cassette", cassette.Options{
		Note: "Recorded from a loopback server made of wire/anthropic and the script model, not from the vendor.\nIt pins the bytes on the wire; it proves nothing about the vendor's server.",
	})
	modeltest.Run(t, profile(func(t testing.TB) model.Provider {
		return connect(t, provider.Config{BaseURL: base, Transport: tape})
	}))
}
