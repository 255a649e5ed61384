package openai_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest"
	"github.com/craton-ai/craton/internal/model/modeltest/cassette"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/script"
)

// TestCassette runs the suite over recorded exchanges. Recording starts the
// loopback server; a replay needs none.
func TestCassette(t *testing.T) {
	base := "http://upstream.test/v1"
	if cassette.Recording() {
		base = newLoopback(t).URL + "/v1"
	}
	tape := cassette.Open(t, "testdata/loopback.cassette", cassette.Options{
		Note: "Recorded from a loopback server made of wire/openai and the script model, not from a vendor.\nIt pins the bytes on the wire; it proves nothing about any vendor's server.",
	})
	modeltest.Run(t, modeltest.Profile{
		New: func(t testing.TB) model.Provider {
			return connect(t, provider.Config{Kind: "openai", BaseURL: base, Transport: tape})
		},
		Model: script.ChatModel, EmbedModel: script.EmbedModel,
		Capabilities: capabilities(), Scripted: true,
	})
}
