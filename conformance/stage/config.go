package main

import "strings"

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

// houseConfig gives the script model the ids of the families whose native
// bodies InvokeModel takes. It does not retry, so that clients see each failure
// once and when it happens, and takes bodies of 8 MiB so that a larger one is
// quickly made.
func houseConfig(origin string) string {
	return strings.ReplaceAll(`upstreams:
  - name: script
    kind: script
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
`, "$URL", origin)
}
