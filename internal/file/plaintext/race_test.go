//go:build race

package plaintext_test

// detecting says that the race detector is in the child, whose memory is bounded:
// it takes many times its own.
const detecting = true
