package edge_test

import (
	"flag"
	"os"
)

// Property tests draw the same values in every run, so that a change is judged
// by what it changes; CRATON_RAPID_SEED (0 for a random one) draws others.
func init() {
	seed := os.Getenv("CRATON_RAPID_SEED")
	if seed == "" {
		seed = "1"
	}
	if err := flag.Set("rapid.seed", seed); err != nil {
		panic(err)
	}
}
