package anthropic_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/anthropic"
)

// TestTwinsAreRefused: an upstream that compares names without their case would
// serve another model than the one that was permitted and paid for.
func TestTwinsAreRefused(t *testing.T) {
	t.Parallel()
	for member, refused := range map[string]bool{
		`"Model":"dear"`: true, `"mo\u0044el":"dear"`: true, `"Max_Tokens":9`: true, `"ſtream":true`: true, `"Models":1`: false, `"topK":4`: false,
	} {
		body := []byte(`{"model":"cheap","max_tokens":5,"messages":[{"role":"user","content":"x"}],` + member + `}`)
		_, peeked := anthropic.Peek(body)
		_, decoded := anthropic.DecodeRequest(body)
		for what, err := range map[string]error{"peek": peeked, "decode": decoded} {
			if e := model.AsError(err); (e != nil) != refused || e != nil && e.Kind != model.Invalid {
				t.Errorf("%s of %s: got %v", what, member, err)
			}
		}
	}
}

// TestPeekWeighsImages: pictures are told from text where it matters.
func TestPeekWeighsImages(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("A", 5000)
	image := `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + data + `"}}`
	text := `{"type":"text","text":"` + data + ` {\"type\":\"image\"}"}`
	for _, c := range []struct {
		content       string
		images, bytes int
	}{
		{`[` + image + `,` + image + `]`, 2, 10_004},
		{`[{"type":"tool_result","tool_use_id":"a","content":[` + image + `]}]`, 1, 5_002},
		{`[` + text + `,{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]`, 1, 0},
		{`[` + text + `,{"type":"document","source":{"type":"base64","data":"` + data + `"}}]`, 0, 0},
		{`"` + data + `"`, 0, 0}, {`[{"type":"image","source":{"type":"base64","data":"AAAA"}}]`, 0, 0},
	} {
		h, err := anthropic.Peek([]byte(`{"model":"m","max_tokens":5,"messages":[{"role":"user","content":` + c.content + `}]}`))
		if err != nil || h.Images != c.images || h.ImageBytes != c.bytes {
			t.Errorf("%.80s: got %d of %d bytes, %v; want %d of %d", c.content, h.Images, h.ImageBytes, err, c.images, c.bytes)
		}
	}
}

func TestPeekReadsTheTier(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "", `,"service_tier":"auto"`: "auto", `,"service_tier":"standard_only"`: "default"} {
		h, err := anthropic.Peek([]byte(`{"model":"m","max_tokens":5,"messages":[]` + given + `}`))
		if err != nil || h.ServiceTier != want {
			t.Errorf("%s: got %q, %v; want %q", given, h.ServiceTier, err, want)
		}
	}
	if _, err := anthropic.Peek([]byte(`{"model":"m","max_tokens":5,"messages":[],"Service_Tier":"auto"}`)); err == nil {
		t.Error("another spelling was let through")
	}
}
