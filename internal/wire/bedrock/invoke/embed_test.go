package invoke

import (
	"net/http"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/google/go-cmp/cmp"
)

var yes = true

// embeddings are bodies of each family with what they mean and an answer.
var embeddings = map[string]struct {
	family          Family
	body            string
	want            model.EmbedRequest
	answer, encoded string // encoded: the request as written, when it differs
}{
	"titan": {
		family: family.TitanEmbed, body: `{"inputText":"a"}`, want: model.EmbedRequest{Input: []string{"a"}},
		answer: `{"embedding":[0.5,-1],"inputTextTokenCount":3}`,
	},
	"titan 2": {
		family: family.TitanEmbedV2, body: `{"inputText":"a","dimensions":256,"normalize":true}`,
		want:   model.EmbedRequest{Input: []string{"a"}, Dimensions: 256, Normalize: &yes},
		answer: `{"embedding":[0.5,-1],"embeddingsByType":{"float":[0.5,-1]},"inputTextTokenCount":3}`,
	},
	"cohere": {
		family: family.CohereEmbed, body: `{"texts":["a"],"input_type":"search_query","truncate":"END"}`,
		want:   model.EmbedRequest{Input: []string{"a"}, Purpose: "query", Truncate: "end"},
		answer: `{"id":"id-1","response_type":"embeddings_floats","embeddings":[[0.5,-1]],"texts":["a"]}`,
	},
	"cohere by type": {
		family: family.CohereEmbed, body: `{"texts":["a"],"input_type":"clustering","embedding_types":["float"]}`,
		want: model.EmbedRequest{Input: []string{"a"}, Purpose: "clustering",
			Extra: &model.Opaque{Dialect: model.DialectInvoke, Raw: []byte(`{"embedding_types":["float"]}`)}},
		answer: `{"id":"id-1","response_type":"embeddings_by_type","embeddings":{"float":[[0.5,-1]]},"texts":["a"]}`,
	},
	"cohere 4": {
		family: family.CohereEmbedV4, body: `{"inputs":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAEC"}}]}],"input_type":"image","output_dimension":512}`,
		want:    model.EmbedRequest{Images: []model.Source{{MIME: "image/png", Data: []byte{0, 1, 2}}}, Dimensions: 512},
		encoded: `{"images":["data:image/png;base64,AAEC"],"input_type":"image","output_dimension":512}`,
		answer:  `{"id":"id-1","response_type":"embeddings_floats","embeddings":[[0.5,-1]]}`,
	},
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	for name, c := range embeddings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := DecodeEmbedRequest(c.family, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.want, req); d != "" {
				t.Errorf("request differs (-want +got):\n%s", d)
			}
			bodies, losses, err := EncodeEmbedRequest(c.family, req)
			if err != nil || len(losses) > 0 || len(bodies) != 1 {
				t.Fatalf("%q, losses %v, err %v", bodies, losses, err)
			}
			if c.encoded == "" {
				c.encoded = c.body
			}
			if d := cmp.Diff(canonical(t, []byte(c.encoded)), canonical(t, bodies[0])); d != "" {
				t.Errorf("body differs (-want +got):\n%s", d)
			}
			resp := &model.EmbedResponse{Vectors: [][]float32{{0.5, -1}}, Usage: model.Usage{Input: 3}}
			answer, err := EncodeEmbedResponse(c.family, req, resp, options)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(canonical(t, []byte(c.answer)), canonical(t, answer)); d != "" {
				t.Errorf("answer differs (-want +got):\n%s", d)
			}
			h := http.Header{}
			SetUsage(h, &resp.Usage, options)
			got, err := DecodeEmbedResponse(c.family, h, answer)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(resp, got); d != "" {
				t.Errorf("read back differs (-want +got):\n%s", d)
			}
		})
	}
}

func TestEmbeddingsInBulk(t *testing.T) {
	t.Parallel()
	texts := make([]string, 100)
	for i := range texts {
		texts[i] = itoa(i)
	}
	for f, want := range map[Family]int{family.TitanEmbed: 100, family.CohereEmbed: 2} {
		bodies, losses, err := EncodeEmbedRequest(f, &model.EmbedRequest{Input: texts})
		if err != nil || len(losses) > 0 || len(bodies) != want {
			t.Errorf("%s: %d bodies, losses %v, err %v; want %d", f, len(bodies), losses, err, want)
		}
	}
}

func TestEmbeddingsRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		family Family
		kind   model.Kind
	}{
		`{"inputText":"a","embeddingTypes":["binary"]}`: {family.TitanEmbedV2, model.Unsupported},
		`{"dimensions":3}`:                    {family.TitanEmbedV2, model.Invalid},
		`{"texts":["a"]}`:                     {family.CohereEmbed, model.Invalid},
		`{"texts":["a"],"input_type":"poem"}`: {family.CohereEmbed, model.Invalid},
		`{"texts":["a"],"input_type":"search_query","embedding_types":["int8"]}`:       {family.CohereEmbed, model.Unsupported},
		`{"input_type":"image","images":["https://x/y.png"]}`:                          {family.CohereEmbed, model.Invalid},
		`{"texts":["a"],"images":["data:image/png;base64,AAEC"],"input_type":"image"}`: {family.CohereEmbedV4, model.Unsupported},
		`{"inputs":[{"content":[]}],"input_type":"image"}`:                             {family.CohereEmbedV4, model.Unsupported},
		`{"input_type":"search_query"}`:                                                {family.CohereEmbed, model.Invalid},
		`{"prompt":"x"}`:                                                               {family.Llama, model.Unsupported},
	} {
		_, err := DecodeEmbedRequest(want.family, []byte(body))
		if e := model.AsError(err); e == nil || e.Kind != want.kind {
			t.Errorf("%s: got %v, want kind %v", body, err, want.kind)
		}
	}
}
