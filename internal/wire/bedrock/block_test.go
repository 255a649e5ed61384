package bedrock

import (
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// blocks holds every content block of the contract, in each of its forms.
var blocks = []string{
	`{"text":"hi"}`,
	`{"image":{"format":"png","source":{"bytes":"AAEC"}}}`,
	`{"image":{"format":"webp","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"123456789012"}}}}`,
	`{"document":{"format":"pdf","name":"a","source":{"bytes":"AAEC"}}}`,
	`{"document":{"format":"md","name":"b","source":{"s3Location":{"uri":"s3://b/k"}},"context":"c","citations":{"enabled":true}}}`,
	`{"document":{"format":"txt","name":"c","source":{"text":"plain"}}}`,
	`{"document":{"name":"d","source":{"text":"plain"}}}`,
	`{"document":{"format":"txt","name":"e","source":{"content":[{"text":"x"},{"text":"y"}]}}}`,
	`{"video":{"format":"three_gp","source":{"bytes":"AAEC"}}}`,
	`{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://b/k"}}}}`,
	`{"audio":{"format":"wav","source":{"bytes":"AAEC"}}}`,
	`{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":[1,null,{"b":"c"}]}}}`,
	`{"toolUse":{"toolUseId":"t2","name":"web","input":{},"type":"server_tool_use"}}`,
	`{"toolResult":{"toolUseId":"t1","content":[{"text":""},{"json":{"a":1}},{"json":null}],"status":"error"}}`,
	`{"toolResult":{"toolUseId":"t1","content":[{"image":{"format":"gif","source":{"bytes":"AAEC"}}},` +
		`{"document":{"format":"csv","name":"f","source":{"bytes":"AAEC"}}},` +
		`{"video":{"format":"mov","source":{"bytes":"AAEC"}}},` +
		`{"searchResult":{"source":"s","title":"t","content":[{"text":"x"}]}}]}}`,
	`{"toolResult":{"toolUseId":"t2","content":[],"type":"web_result"}}`,
	`{"guardContent":{"text":{"text":"x","qualifiers":["query","guard_content"]}}}`,
	`{"guardContent":{"image":{"format":"jpeg","source":{"bytes":"AAEC"}}}}`,
	`{"cachePoint":{"type":"default"}}`,
	`{"cachePoint":{"type":"default","ttl":"1h"}}`,
	`{"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}}`,
	`{"reasoningContent":{"reasoningText":{"text":"hm"}}}`,
	`{"reasoningContent":{"redactedContent":"AAEC"}}`,
	`{"citationsContent":{"content":[{"text":"said"}],"citations":[` +
		`{"title":"t","source":"u","sourceContent":[{"text":"q"}],"location":{"documentChar":{"documentIndex":1,"start":2,"end":3}}},` +
		`{"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}},` +
		`{"location":{"documentChunk":{"documentIndex":0,"start":1,"end":2}}},` +
		`{"source":"s","location":{"searchResultLocation":{"searchResultIndex":4,"start":0,"end":1}}},` +
		`{"location":{"web":{"url":"https://example.com/a","domain":"example.com"}}},` +
		`{"sourceContent":[{"text":"one"},{"text":"two"}],"location":{"web":{"url":"https://example.com/a","domain":"other"}}}]}}`,
	`{"searchResult":{"source":"s","title":"t","content":[{"text":"x"}],"citations":{"enabled":true}}}`,
	`{"toolAddition":{"tool":{"name":"f"}}}`,
	`{"toolAddition":{"tool":{"name":"f","serverName":"mcp","type":"k"}}}`,
	`{"toolRemoval":{"tool":{"name":"f"}}}`,
	`{"toolRemoval":{"tool":{"name":"f","serverName":"mcp"}}}`,
	`{"hologram":{"depth":3}}`,
}

func TestBlocksRoundTrip(t *testing.T) {
	t.Parallel()
	for i, b := range blocks {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			body := `{"messages":[{"role":"user","content":[` + b + `]}]}`
			req, err := DecodeRequest([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			got, losses, err := EncodeRequest(req)
			if err != nil || len(losses) > 0 {
				t.Fatalf("losses %v, err %v", losses, err)
			}
			sameJSON(t, got, []byte(body))
		})
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	t.Parallel()
	for _, b := range blocks {
		if strings.Contains(b, "tool") && !strings.Contains(b, "toolUse\"") && !strings.Contains(b, "toolResult\"") {
			continue // tool changes are no part of an answer
		}
		body := `{"output":{"message":{"role":"assistant","content":[` + b + `]}},"stopReason":"end_turn",` +
			`"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":0}}`
		resp, err := DecodeResponse([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		got, losses, err := EncodeResponse(resp, Options{})
		if err != nil || len(losses) > 0 {
			t.Fatalf("%s: losses %v, err %v", b, losses, err)
		}
		sameJSON(t, got, []byte(body))
	}
}

func TestRequestsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":  `{}`,
		"system": `{"system":[{"text":"a"},{"guardContent":{"text":{"text":"b"}}},{"cachePoint":{"type":"default"}},{"new":{}}]}`,
		"tools": `{"toolConfig":{"tools":[{"toolSpec":{"name":"a","inputSchema":{"json":{"type":"object"}}}},` +
			`{"cachePoint":{"type":"default","ttl":"5m"}},{"systemTool":{"name":"web"}},{"newTool":{"x":1}}],"toolChoice":{"any":{}}}}`,
		"choice": `{"toolConfig":{"tools":[{"toolSpec":{"name":"a","description":"d","strict":false,` +
			`"inputSchema":{"json":{"type":"object"}},"examples":[1]}}],"toolChoice":{"tool":{"name":"a"}}}}`,
		"tool change":  `{"messages":[{"role":"system","content":[{"toolAddition":{"tool":{"name":"f"}}}]}]}`,
		"fields":       `{"additionalModelRequestFields":{"top_k":5,"thinking":{"type":"enabled","budget_tokens":1024},"x":{"y":null}}}`,
		"sampling":     `{"additionalModelRequestFields":{"min_p":0.5,"presence_penalty":1,"frequency_penalty":-1,"seed":9007199254740993}}`,
		"odd fields":   `{"additionalModelRequestFields":{"top_k":"many","thinking":"hard","reasoning_config":{"type":"enabled","depth":1}}}`,
		"guardrail":    `{"guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1","trace":"enabled_full","streamProcessingMode":"async"}}`,
		"effort":       `{"outputConfig":{"effort":"xhigh"}}`,
		"prompt":       `{"promptVariables":{"who":{"text":"you"}},"later":{"member":[1,2]}}`,
		"lone cache":   `{"toolConfig":{"tools":[{"cachePoint":{"type":"default"}}]}}`,
		"null members": `{"messages":[{"role":"user","content":[{"text":"a"}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := DecodeRequest([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			got, losses, err := EncodeRequest(req)
			if err != nil || len(losses) > 0 {
				t.Fatalf("losses %v, err %v", losses, err)
			}
			sameJSON(t, got, []byte(body))
		})
	}
}

func TestNullsAreAbsent(t *testing.T) {
	t.Parallel()
	body := `{"messages":[{"role":"user","content":[{"text":"a","image":null,"json":null}]}],"system":null,"inferenceConfig":null,` +
		`"toolConfig":{"tools":[{"toolSpec":{"name":"a","description":null,"inputSchema":{"json":{}}},"cachePoint":null}],"toolChoice":null},` +
		`"additionalModelRequestFields":null}`
	req, err := DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(req.Messages) != 1 || req.Extra != nil || req.ToolChoice.Mode != "" || len(req.Tools) != 1 {
		t.Errorf("nulls left traces: %+v", req)
	}
}

func TestKnownFieldsReachTheHub(t *testing.T) {
	t.Parallel()
	req, err := DecodeRequest([]byte(`{"additionalModelRequestFields":{"top_k":5,"reasoning_config":{"type":"enabled","budget_tokens":2048},"x":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if *req.TopK != 5 || req.Reasoning.Mode != "enabled" || req.Reasoning.BudgetTokens != 2048 {
		t.Errorf("got %+v, %+v", req.TopK, req.Reasoning)
	}
	if got, want := string(req.Extra.Raw), `{"additionalModelRequestFields":{"x":1}}`; got != want || req.Extra.Dialect != model.DialectConverse {
		t.Errorf("Extra = %s %s, want %s", req.Extra.Dialect, got, want)
	}
}

func TestFamiliesNameTheirFields(t *testing.T) {
	t.Parallel()
	k := 7
	for id, want := range map[string]string{
		"us.anthropic.claude-x": `{"additionalModelRequestFields":{"top_k":7,"thinking":{"type":"enabled","budget_tokens":9}},"outputConfig":{"effort":"high"}}`,
		"amazon.nova-pro-v1:0": `{"additionalModelRequestFields":{"inferenceConfig":{"topK":7},` +
			`"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}}`,
		"openai.gpt-oss-120b-1:0": `{"additionalModelRequestFields":{"top_k":7,"reasoning_effort":"high"}}`,
	} {
		req := &model.Request{
			Model: id, TopK: &k, Reasoning: &model.ReasoningConfig{Mode: "enabled", BudgetTokens: 9, Effort: "high"},
		}
		got, losses, err := EncodeRequest(req)
		if err != nil || len(losses) > 0 {
			t.Fatalf("%s: losses %v, err %v", id, losses, err)
		}
		sameJSON(t, got, []byte(want))
	}
}
