package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

const twoModels = `{
 "last_updated": "2026-02-03T00:00:00Z",
 "sample_spec": {"mode": "one of: chat"},
 "v.big-v1:0": {"mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "max_input_tokens": 1000,
   "input_cost_per_token_above_200k_tokens": 6e-06, "supports_function_calling": true, "supports_vision": true},
 "us.v.big-v1:0": {"mode": "chat", "input_cost_per_token": 3.3e-06, "output_cost_per_token": 1.65e-05},
 "big": {"mode": "chat", "input_cost_per_token": 3.0000000000000004e-06, "input_cost_per_token_flex": 1.5e-06, "output_cost_per_token": 1.5e-05},
 "big-2026-01-01": {"mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
 "big-2025-01-01": {"mode": "chat", "input_cost_per_token": 9e-06, "output_cost_per_token": 1.5e-05}
}`

func files(list string) fstest.MapFS {
	return fstest.MapFS{
		priceList: {Data: []byte(list)},
		cardList + "/v/models/big.toml": {Data: []byte("release_date = \"2026-01-01\"\nstructured_output = true\n" +
			"[limit]\ncontext = 2000\n[modalities]\ninput = [\"text\", \"pdf\"]\n")},
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	sheet, err := build(files(twoModels), "@v bedrock: fam Apache-2.0 -\nv.big-v1:0 - Big\n@v - - Two_Words seed\nbig\n")
	if err != nil {
		t.Fatal(err)
	}
	if sheet.Date != "2026-02-03" || len(sheet.Rows) != 2 {
		t.Fatalf("%+v", sheet)
	}
	own, bedrock := sheet.Rows[0], sheet.Rows[1]
	if got := strings.Join(own.Aliases, " "); got != "big-2026-01-01 v.big-v1:0" {
		t.Errorf("aliases %q", got)
	}
	if own.Released != "2026-01-01" || own.Context != 2000 || own.Licence != "Two Words" {
		t.Errorf("own card %+v", own)
	}
	if got := strings.Join(own.Can, " "); got != "chat streaming structured_output document_input seed" {
		t.Errorf("abilities %q", got)
	}
	if own.Tiers["flex"].Output != 7_500_000 {
		t.Errorf("flex output %d is not scaled as the input", own.Tiers["flex"].Output)
	}
	if us := bedrock.Geographies["us"]; us == nil || us.Input != 3_300_000 {
		t.Errorf("the US profile costs %+v", us)
	}
	if len(bedrock.Long) != 1 || bedrock.Long[0].Above != 200_000 || bedrock.Long[0].Output != 30_000_000 {
		t.Errorf("long prices %+v", bedrock.Long)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string][2]string{
		"a model in no list":     {twoModels, "@v - - x -\nnothing\n"},
		"a broken group":         {twoModels, "@v x\n"},
		"a list without a date":  {`{}`, ""},
		"a price finer than can": {`{"last_updated":"2026-02-03T","m":{"input_cost_per_token":1.5e-12}}`, "@v - - x -\nm\n"},
	}
	for name, c := range cases {
		if sheet, err := build(files(c[0]), c[1]); err == nil {
			t.Errorf("%s: built %+v", name, sheet)
		}
	}
}
