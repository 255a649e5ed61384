package edge

import (
	"maps"
	"net/http"
	"testing"
)

func TestTagsOfTheKeyWin(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	header.Set(TagPrefix+"Project", "theirs")
	header.Set(TagPrefix+"Run", "7")
	key := map[string]string{"Project": "ours", "team": "a"}
	got := tags(key, header)
	if want := map[string]string{"Project": "ours", "team": "a", "run": "7"}; !maps.Equal(got, want) {
		t.Errorf("the tags are %v, want %v", got, want)
	}
	if len(key) != 2 {
		t.Error("the key's own tags were written to")
	}
}
