package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/craton-ai/craton/internal/store/sqlite"
)

// announcement is what DATA/server.json says of the server that runs on it.
type announcement struct {
	URL string `json:"url"`
}

// announce notes in the data directory where its server is, for whoever finds
// the directory in use. The function it returns, never nil, takes the note away.
func announce(data, url string) (withdraw func(), err error) {
	path := filepath.Join(data, "server.json")
	raw, err := json.Marshal(announcement{URL: url})
	if err == nil {
		err = os.MkdirAll(data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o600)
	}
	return func() { _ = os.Remove(path) }, err // a note that stays behind is only read where a server runs
}

// announced is where the data directory's server says it is; empty if it does not.
func announced(data string) string {
	raw, err := os.ReadFile(filepath.Join(data, "server.json"))
	var a announcement
	if err != nil || json.Unmarshal(raw, &a) != nil {
		return ""
	}
	return a.URL
}

// inUse adds to the error of a data directory in use where its server is.
func inUse(err error, data string) error {
	if url := announced(data); url != "" && errors.Is(err, sqlite.ErrInUse) {
		return fmt.Errorf("%w; its server is at %s", err, url)
	}
	return err
}
