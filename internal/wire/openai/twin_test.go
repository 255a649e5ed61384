package openai_test

import (
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// TestTwinsAreRefused: an upstream that compares names without their case would
// serve another model than the one that was permitted and paid for.
func TestTwinsAreRefused(t *testing.T) {
	t.Parallel()
	const rest = `"messages":[{"role":"user","content":"x"}],"input":"x"`
	for member, refused := range map[string]bool{
		`"Model":"dear"`: true, `"MODEL":null`: true, `"mo\u0044el":"dear"`: true, `"ſtream":true`: true, `"\u017ftream":true`: true,
		`"Max_Tokens":9`: true, `"N":9`: true, `"to\u212a\u212as":1`: false,
		`"Modell":"x"`: false, `"topK":4`: false, `"modell":1`: false, `"Ünknown":1`: false,
	} {
		body := []byte(`{"model":"cheap",` + rest + `,` + member + `}`)
		_, peeked := openai.Peek(body)
		_, _, decoded := openai.DecodeRequest(body)
		_, _, embedded := openai.DecodeEmbedRequest(body)
		for what, err := range map[string]error{"peek": peeked, "decode": decoded, "embed": embedded} {
			e := model.AsError(err)
			if (e != nil) != refused || e != nil && (e.Kind != model.Invalid || e.Code != "unknown_parameter") {
				t.Errorf("%s of %s: got %v", what, member, err)
			}
		}
	}
}

// TestUsageIsAskedForOnce: a stream whose usage the client asked for is not
// asked again, and so must tell it.
func TestUsageIsAskedForOnce(t *testing.T) {
	t.Parallel()
	for options, refused := range map[string]bool{
		`{"include_usage":true}`: false, `{"include_usage":false,"x":1}`: false, `null`: false, `"include_usage"`: false,
		`{"include_usage":true,"include_usage":false}`: true, `{"include_usage":true,"include\u005fusage":false}`: true,
		`{"include_usage":true,"Include_Usage":false}`: true,
	} {
		_, err := openai.Peek([]byte(`{"model":"m","stream":true,"stream_options":` + options + `}`))
		if (err != nil) != refused {
			t.Errorf("%s: got %v", options, err)
		}
	}
}
