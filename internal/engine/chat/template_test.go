package chat

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// The templates below are short, and use the constructs that those of the named
// families use.
const (
	tagFamily = `{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
    {{- "<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}{{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\nAnswer <tool_call>{\"name\": N, \"arguments\": A}</tool_call><|im_end|>\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(last=-1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == "user" and ns.last < 0 %}{%- set ns.last = (messages|length - 1) - loop.index0 %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "user" %}
        {{- '<|im_start|>user\n' + message.content + '<|im_end|>\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>assistant\n' + message.content.split('</think>')[-1].lstrip('\n') }}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' + (tool_call.arguments | tojson) + '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}`
	listFamily = `{%- set users = messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == users[-1]) %}{{- "[AVAILABLE_TOOLS]" + tools|tojson + "[/AVAILABLE_TOOLS]" }}{%- endif %}
        {{- "[INST]" + message["content"] + "[/INST]" }}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS][" }}
        {%- for call in message.tool_calls %}
            {%- set out = call.function|tojson %}
            {{- out[:-1] }}
            {%- if call.id|length != 9 %}{{- raise_exception("ids have length 9") }}{%- endif %}
            {{- ', "id": "' + call.id + '"}' }}
        {%- endfor %}
        {{- "]" + eos_token }}
    {%- elif message.role == "tool" %}
        {{- "[TOOL_RESULTS]" + message.content + "[/TOOL_RESULTS]" }}
    {%- else %}
        {{- message.content + eos_token }}
    {%- endif %}
{%- endfor %}`
	strictFamily = `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant') }}
{% endif %}
{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}
{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}`
	datedFamily = `{%- if strftime_now is defined %}{%- set today = strftime_now("%d %b %Y") %}{%- else %}{%- set today = "26 Jul 2024" %}{%- endif %}
{{- "Today is " + today + ". " }}{{ messages[-1]['content'] }}`
)

var (
	weather = Tool{Name: "weather", Description: "Tells it.", Parameters: jsontext.Value(`{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}}}`)}
	turns   = []Message{
		{Role: RoleSystem, Content: "Be brief."},
		{Role: RoleUser, Content: "Rain?"},
		{Role: RoleAssistant, Calls: []ToolCall{{ID: "call_0123456789", Name: "weather", Arguments: `{"z":"<Rome>","a":1}`}}},
		{Role: RoleTool, CallID: "call_0123456789", Name: "weather", Content: "no"},
		{Role: RoleAssistant, Content: "<think>\nso\n</think>\n\nNo."},
		{Role: RoleUser, Content: "Thanks"},
	}
)

func template(t *testing.T, source string) *Template {
	t.Helper()
	tpl, err := NewTemplate(source, Special{BOS: "<s>", EOS: "</s>"})
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func render(t *testing.T, tpl *Template, c Conversation) string {
	t.Helper()
	out, err := tpl.Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTagFamily(t *testing.T) {
	t.Parallel()
	tpl := template(t, tagFamily)
	if tpl.Fallback() != nil || !tpl.NativeTools() || tpl.Format().Name != "tagged" {
		t.Fatalf("fallback %v, tools %v, format %s", tpl.Fallback(), tpl.NativeTools(), tpl.Format().Name)
	}
	want := "<|im_start|>system\nBe brief.\n\n<tools>\n" +
		`{"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}}}` +
		"\n</tools>\nAnswer <tool_call>{\"name\": N, \"arguments\": A}</tool_call><|im_end|>\n" +
		"<|im_start|>user\nRain?<|im_end|>\n" +
		"<|im_start|>assistant\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"z\": \"<Rome>\", \"a\": 1}}\n</tool_call><|im_end|>\n" +
		"<|im_start|>user\n<tool_response>\nno\n</tool_response><|im_end|>\n" +
		"<|im_start|>assistant\nNo.<|im_end|>\n<|im_start|>user\nThanks<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
	got := render(t, tpl, Conversation{Messages: turns, Tools: []Tool{weather}, Reply: true, Variables: map[string]any{"enable_thinking": false}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestListFamily(t *testing.T) {
	t.Parallel()
	tpl := template(t, listFamily)
	if tpl.Fallback() != nil || !tpl.NativeTools() || !tpl.Format().List {
		t.Fatalf("fallback %v, tools %v, format %s", tpl.Fallback(), tpl.NativeTools(), tpl.Format().Name)
	}
	got := render(t, tpl, Conversation{Messages: turns[1:], Tools: []Tool{weather}, Reply: true})
	for _, want := range []string{`[TOOL_CALLS][{"arguments": {"z": "<Rome>", "a": 1}, "name": "weather", "id": "`, "[TOOL_RESULTS]no[/TOOL_RESULTS]", `[AVAILABLE_TOOLS][{"type"`, "[INST]Thanks[/INST]"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Count(got, "[AVAILABLE_TOOLS]") != 1 {
		t.Errorf("tools are shown more than once: %q", got)
	}
}

func TestStrictFamily(t *testing.T) {
	t.Parallel()
	tpl := template(t, strictFamily)
	if tpl.Fallback() != nil || tpl.NativeTools() {
		t.Fatalf("fallback %v, tools %v", tpl.Fallback(), tpl.NativeTools())
	}
	got := render(t, tpl, Conversation{Messages: turns[:2], Reply: true})
	if want := "<s><start_of_turn>user\nBe brief.\n\nRain?<end_of_turn>\n<start_of_turn>model\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := tpl.Render(Conversation{Messages: []Message{turns[1], turns[1]}})
	if !errors.Is(err, ErrConversation) || !strings.Contains(err.Error(), "must alternate") {
		t.Errorf("two user messages: %v", err)
	}
	got = render(t, tpl, Conversation{Messages: turns, Tools: []Tool{weather}, Reply: true})
	for _, want := range []string{"Be brief.", `"name": "weather"`, "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"z\":\"<Rome>\",\"a\":1}}\n</tool_call>", "<tool_response>\nno\n</tool_response>"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestDatesAndFallback(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	got := render(t, template(t, datedFamily), Conversation{Messages: turns[1:2], Now: now})
	if want := "Today is 05 Mar 2026. Rain?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, source := range []string{"", "{% if %}", "{{ 'no messages' }}", "{{ messages.nothing() }}", "{% for m in messages %}"} {
		tpl := template(t, source)
		if tpl.Fallback() == nil {
			t.Errorf("%q is taken for a working template", source)
		}
		want := "<|im_start|>user\nRain?<|im_end|>\n<|im_start|>assistant\n"
		if got := render(t, tpl, Conversation{Messages: turns[1:2], Reply: true}); got != want {
			t.Errorf("%q: fallback renders %q", source, got)
		}
	}
}

func TestRewriteLast(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		`{{ a[-1] }}`:                    `{{ (a|last) }}`,
		`{{ a.b(c[")"])[-1].x }}`:        `{{ (a.b(c[")"])|last).x }}`,
		`{{ s.split("]")[-1].strip() }}`: `{{ s.split("]").craton_last().strip() }}`,
		`text a[-1] {{ b[-1][-1] }}`:     `text a[-1] {{ ((b|last)|last) }}`,
		`{% if [-1] %}`:                  `{% if [-1] %}`,
		`{{ a[:-1] }}`:                   `{{ a[:-1] }}`,
	}
	for in, want := range cases {
		if got := rewriteLast(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{tagFamily, listFamily, strictFamily, datedFamily, ChatML} {
		f.Add(s, "hello {{ x }} <|im_end|>")
	}
	f.Fuzz(func(t *testing.T, source, content string) {
		if strings.Contains(source, "range") || strings.Contains(source, "recursive") || len(source) > 4000 {
			return // loops without end are the template author's to avoid
		}
		tpl, err := NewTemplate(source, Special{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = tpl.Render(Conversation{Messages: []Message{{Role: RoleUser, Content: content}}})
	})
}
