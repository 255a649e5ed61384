// Package cassette records HTTP exchanges with an upstream into a text file and
// replays them, so that providers are tested without a network. It is for
// tests of upstreams.
//
// [Open] replays by default; with CRATON_RECORD=1 in the environment it records
// through a real transport instead and writes the file when the test ends.
// A request must equal a recorded one in method, path, query and body, or the
// replay fails and says so; equal requests are answered in the order recorded,
// the last answer repeating. Bodies are replayed with the splits in which they
// arrived. An answer that was broken off while recording stays silent at its
// end until the request is cancelled, as the upstream did.
//
// Neither hosts nor request headers are written, of the answer's headers only
// those the format needs, and secrets that are named are blanked out wherever
// they stand.
//
//	tape := cassette.Open(t, "testdata/chat.cassette", cassette.Options{Note: "recorded from …"})
//	p, err := openai.New(provider.Config{Kind: "openai", BaseURL: "https://upstream.test/v1", Transport: tape})
package cassette
