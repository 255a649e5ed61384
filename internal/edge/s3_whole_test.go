package edge

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// unproven yields its text and finds only at the end that it was not what was signed.
type unproven struct{ io.Reader }

var errUnproven = errors.New("the body is not the signed one")

func (u unproven) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errUnproven
	}
	return n, err
}

// TestReadWhole pads bodies to and beyond the bound: a body cut there would be
// acted upon although its signature was never checked.
func TestReadWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 99, 100} {
		if _, err := readWhole(unproven{strings.NewReader(strings.Repeat("a", size))}, 100); !errors.Is(err, errUnproven) {
			t.Errorf("%d bytes: got %v, want the failed proof", size, err)
		}
	}
	var e *model.Error
	if _, err := readWhole(unproven{strings.NewReader(strings.Repeat("a", 101))}, 100); !errors.As(err, &e) || e.Kind != model.TooLarge {
		t.Errorf("101 bytes: got %v, want that it is too large", err)
	}
	if raw, err := readWhole(strings.NewReader("abc"), 3); err != nil || string(raw) != "abc" {
		t.Errorf("got %q, %v", raw, err)
	}
}

func TestCapped(t *testing.T) {
	t.Parallel()
	if raw, err := io.ReadAll(&capped{strings.NewReader("abc"), 3}); err != nil || string(raw) != "abc" {
		t.Errorf("got %q, %v", raw, err)
	}
	var e *model.Error
	if _, err := io.ReadAll(&capped{strings.NewReader("abcd"), 3}); !errors.As(err, &e) || e.Kind != model.TooLarge {
		t.Errorf("got %v", err)
	}
}
