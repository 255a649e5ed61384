//go:build !race

package plaintext_test

const detecting = false
