package main

import (
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/craton-ai/craton/internal/provider/script"
)

// originConfig names the script model once for each way the house comes to it,
// and "twin", which two of these ways serve.
const originConfig = `upstreams:
  - name: script
    kind: script
aliases:
  chat-openai: script/script-chat
  chat-anthropic: script/script-chat
  embed-openai: script/script-embed
  chat-bedrock: script/script-chat
  twin: script/script-chat
engine: {disabled: true}
guards: {retries: 0}
`

// agentRules come before the script model's own: a session's model calls a tool
// as the prompt says. "use NAME ARGUMENTS" calls one, "first NAME ARGUMENTS then
// NAME ARGUMENTS" two after each other, "loop NAME 3" one with {} three times.
// What a subagent reports is noted.
var agentRules = []script.Rule{
	{Name: "use", When: script.When{Regex: `(?s)^use (\w+) (\{.*\})$`, Rounds: "1"},
		Then: script.Then{Calls: []script.Call{{Tool: "${1}", Arguments: "${2}"}}}},
	{Name: "first", When: script.When{Regex: twoSteps, Rounds: "1"},
		Then: script.Then{Text: "First things first.", Calls: []script.Call{{Tool: "${1}", Arguments: "${2}"}}}},
	{Name: "then", When: script.When{Regex: twoSteps, Rounds: "2"},
		Then: script.Then{Calls: []script.Call{{Tool: "${3}", Arguments: "${4}"}}}},
	{Name: "loop", When: script.When{Regex: `^loop (\w+) (\d+)$`, Rounds: "${2}"},
		Then: script.Then{Calls: []script.Call{{Tool: "${1}", Arguments: "{}"}}}},
	{Name: "noted", When: script.When{Regex: `(?s)^Subagent \S+ has finished.*?: (.*)$`}, Then: script.Then{Text: "Noted: ${1}"}},
}

const twoSteps = `(?s)^first (\w+) (\{.*?\}) then (\w+) (\{.*\})$`

// rulesOfHouse are the script model's rules in the house.
func rulesOfHouse() (string, error) {
	raw, err := yaml.MarshalWithOptions(append(agentRules, script.DefaultRules()...), yaml.JSON())
	return strings.TrimSpace(string(raw)), err
}

// houseConfig gives the script model the ids of the families whose native
// bodies InvokeModel takes. It does not retry, so that clients see each failure
// once and when it happens, and takes bodies of 8 MiB so that a larger one is
// quickly made. Its agents reach the desk, a server of tools inside the network.
func houseConfig(origin, desk, rules string) string {
	return strings.NewReplacer("$URL", origin, "$DESK", desk, "$RULES", rules).Replace(`upstreams:
  - name: script
    kind: script
    rules: $RULES
  - name: viaopenai
    kind: openai
    base_url: $URL/v1
    api_key: {env: ORIGIN_API_KEY}
    models: [chat-openai, embed-openai, twin]
  - name: viaanthropic
    kind: anthropic
    base_url: $URL/anthropic
    api_key: {env: ORIGIN_API_KEY}
    models: [chat-anthropic, twin]
  - name: viabedrock
    kind: bedrock
    base_url: $URL
    region: us-east-1
    models: [chat-bedrock]
default_model: script/script-chat
aliases:
  house-chat: script/script-chat
  anthropic.claude-sonnet-4-5-20250929-v1:0: script/script-chat
  openai.gpt-oss-120b-1:0: script/script-chat
  amazon.nova-lite-v1:0: script/script-chat
  meta.llama3-1-8b-instruct-v1:0: script/script-chat
  mistral.mistral-7b-instruct-v0:2: script/script-chat
  mistral.mistral-large-2402-v1:0: script/script-chat
  amazon.titan-embed-text-v2:0: script/script-embed
  cohere.embed-english-v3: script/script-embed
engine: {disabled: true}
guards: {retries: 0}
limits: {max_body_bytes: 8388608}
tools:
  servers: [{name: desk, url: "$DESK", approval: unsafe}]
`)
}
