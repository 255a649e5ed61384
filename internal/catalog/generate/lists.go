package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/BurntSushi/toml"
)

const (
	priceList = "litellm_model_prices_and_context_window.json"
	cardList  = "models.dev/providers"
)

// fact is a model in the price list. Prices stay text, to be exact.
type fact struct {
	Mode       string                     `json:"mode"`
	MaxInput   json.Number                `json:"max_input_tokens"`
	MaxOutput  json.Number                `json:"max_output_tokens"`
	VectorSize int                        `json:"output_vector_size"`
	Deprecated string                     `json:"deprecation_date"`
	Regions    []string                   `json:"supported_regions"`
	In         []string                   `json:"supported_modalities"`
	Out        []string                   `json:"supported_output_modalities"`
	Tiered     []map[string]any           `json:"tiered_pricing"`
	all        map[string]json.RawMessage // every member, for prices and abilities
}

// number is a member's text when it is a number.
func (f *fact) number(name string) (string, bool) {
	raw := strings.TrimSpace(string(f.all[name]))
	return raw, raw != "" && raw != "null" && raw[0] != '"' && raw[0] != '{'
}

// is reports a member that is true.
func (f *fact) is(name string) bool { return string(f.all[name]) == "true" }

// described is a model in the card list.
type described struct {
	Released string `toml:"release_date"`
	Status   string `toml:"status"`
	Schema   *bool  `toml:"structured_output"`
	Tools    *bool  `toml:"tool_call"`
	Reason   *bool  `toml:"reasoning"`
	Limit    struct {
		Context int `toml:"context"`
		Output  int `toml:"output"`
	} `toml:"limit"`
	Modalities struct {
		Input  []string `toml:"input"`
		Output []string `toml:"output"`
	} `toml:"modalities"`
}

// lists are both lists, opened.
type lists struct {
	dir   fs.FS
	facts map[string]*fact
	date  string
}

func open(dir fs.FS) (*lists, error) {
	raw, err := fs.ReadFile(dir, priceList)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%s: %w", priceList, err)
	}
	l := &lists{dir: dir, facts: map[string]*fact{}}
	for id, member := range members {
		if id == "last_updated" {
			var stamp string
			if err := json.Unmarshal(member, &stamp); err != nil || len(stamp) < 10 {
				return nil, fmt.Errorf("%s: last_updated is %s", priceList, member)
			}
			l.date = stamp[:10]
			continue
		}
		f := &fact{}
		if id == "sample_spec" {
			continue
		}
		if err := errors.Join(json.Unmarshal(member, f), json.Unmarshal(member, &f.all)); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", priceList, id, err)
		}
		l.facts[id] = f
	}
	if l.date == "" {
		return nil, fmt.Errorf("%s: last_updated is missing", priceList)
	}
	return l, nil
}

// describe finds a model in the card list; one that is not there is empty.
func (l *lists) describe(provider, id string) (described, error) {
	var d described
	raw, err := fs.ReadFile(l.dir, cardList+"/"+provider+"/models/"+id+".toml")
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = toml.Unmarshal(raw, &d)
	}
	if err != nil {
		return d, fmt.Errorf("%s/%s: %w", provider, id, err)
	}
	return d, nil
}
