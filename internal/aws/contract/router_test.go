package contract

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/aws/contract/table"
)

// fakeService makes a service of operations given as "Name METHOD /uri".
func fakeService(t testing.TB, name, signing string, ops ...string) *Service {
	t.Helper()
	tab := &table.Table{Name: name, SigningName: signing}
	for _, o := range ops {
		f := strings.Fields(o)
		tab.Operations = append(tab.Operations, table.Operation{Name: f[0], Method: f[1], URI: f[2]})
	}
	b, err := table.Write(tab)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testRouter holds the runtime and the awkward paths of its sister services.
func testRouter(t testing.TB) *Router {
	t.Helper()
	r, err := NewRouter(
		mustLoad(t, "bedrock-runtime"),
		fakeService(t, "bedrock-agent", "bedrock",
			"PrepareAgent POST /agents/{agentId}/", "GetAgent GET /agents/{agentId}/", "ListTags GET /tags/{resourceArn}",
			"PrepareFlow POST /flows/{flowIdentifier}/", "ValidateFlowDefinition POST /flows/validate-definition",
			"ListAliases POST /agents/{agentId}/agentaliases/"),
		fakeService(t, "bedrock-agent-runtime", "bedrock",
			"InvokeInlineAgent POST /agents/{sessionId}", "ListTags GET /tags/{resourceArn}",
			"InvokeAgent POST /agents/{agentId}/agentAliases/{agentAliasId}/sessions/{sessionId}/text"),
		fakeService(t, "bedrock-agentcore-control", "bedrock-agentcore",
			"ListTags GET /tags/{resourceArn}", "ListRuntimes POST /runtimes/", "CreateRuntime PUT /runtimes/"),
		fakeService(t, "bedrock-agentcore", "bedrock-agentcore",
			"InvokeAgentRuntime POST /runtimes/{agentRuntimeArn}/invocations",
			"GetAgentCard GET /runtimes/{agentRuntimeArn}/invocations/.well-known/agent-card.json",
			"GetEvent GET /memories/{memoryId}/actor/{actorId}/sessions/{sessionId}/events/{eventId}"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	const raw = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x"
	for _, c := range []struct {
		request, want string
		hint          Hint
	}{
		{request: "POST /model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse", want: "Converse modelId=us.anthropic.claude-3-7-sonnet-20250219-v1:0"},
		{request: "POST /model/amazon.nova-lite-v1:0/converse-stream", want: "ConverseStream modelId=amazon.nova-lite-v1:0"},
		{request: "POST /model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/invoke", want: "InvokeModel modelId=" + raw},
		{request: "POST /model/" + raw + "/invoke", want: "InvokeModel modelId=" + raw},
		{request: "POST /model/ollama/llama3.2/converse", want: "Converse modelId=ollama/llama3.2"},
		{request: "POST /model/a//b/converse", want: "Converse modelId=a//b"},
		{request: "POST /model/a%252Fb/converse", want: "Converse modelId=a%2Fb"},
		{request: "POST /model/a+b/converse", want: "Converse modelId=a+b"},
		{request: "POST /model/../converse", want: "Converse modelId=.."},
		{request: "POST /model/converse/converse", want: "Converse modelId=converse"},
		{request: "POST /model/m/converse/", want: "Converse modelId=m"},
		{request: "GET /async-invoke", want: "ListAsyncInvokes"},
		{request: "GET /async-invoke/", want: "ListAsyncInvokes"},
		{request: "POST /async-invoke", want: "StartAsyncInvoke"},
		{request: "GET /async-invoke/arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl", want: "GetAsyncInvoke invocationArn=arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl"},
		{request: "POST /guardrail/arn:aws:bedrock:r:123456789012:guardrail/g/version/1/apply", want: "ApplyGuardrail guardrailIdentifier=arn:aws:bedrock:r:123456789012:guardrail/g guardrailVersion=1"},

		{request: "POST /agents/A1/", want: "PrepareAgent agentId=A1"},
		{request: "POST /agents/A1", want: "InvokeInlineAgent sessionId=A1"},
		{request: "GET /agents/A1", want: "GetAgent agentId=A1"},
		{request: "POST /flows/F1/", want: "PrepareFlow flowIdentifier=F1"},
		{request: "POST /flows/F1", want: "PrepareFlow flowIdentifier=F1"},
		{request: "POST /flows/validate-definition", want: "ValidateFlowDefinition"},
		{request: "POST /flows/validate-definition/", want: "ValidateFlowDefinition"},
		{request: "POST /agents/A1/agentaliases/", want: "ListAliases agentId=A1"},
		{request: "POST /agents/A1/agentAliases/B2/sessions/s/text", want: "InvokeAgent agentId=A1 agentAliasId=B2 sessionId=s"},
		{request: "POST /runtimes/", want: "ListRuntimes"},
		{request: "PUT /runtimes", want: "CreateRuntime"},
		{request: "POST /runtimes/arn:aws:bedrock-agentcore:r:123456789012:runtime/x-1/invocations", want: "InvokeAgentRuntime agentRuntimeArn=arn:aws:bedrock-agentcore:r:123456789012:runtime/x-1"},
		{request: "GET /runtimes/r/invocations/.well-known/agent-card.json", want: "GetAgentCard agentRuntimeArn=r"},
		{request: "GET /memories/m/actor/user%2F1%3A2/sessions/s1/events/0000001%23ab", want: "GetEvent memoryId=m actorId=user/1:2 sessionId=s1 eventId=0000001#ab"},

		{request: "GET /tags/arn%3Aaws%3Abedrock-agentcore%3Ar%3A123456789012%3Amemory%2Fm", want: "bedrock-agentcore-control"},
		{request: "GET /tags/arn%3Aaws%3Abedrock%3Ar%3A123456789012%3Asession%2Fs", want: "bedrock-agent-runtime"},
		{request: "GET /tags/arn:aws:bedrock:r:123456789012:agent/A1", want: "bedrock-agent"},
		{request: "GET /tags/x", want: "bedrock-agentcore-control", hint: Hint{SigningName: "bedrock-agentcore"}},
		{request: "GET /tags/x", want: "bedrock-agent-runtime", hint: Hint{Service: "bedrock-agent-runtime"}},
		{request: "GET /tags/x", want: "bedrock-agent", hint: Hint{SigningName: "bedrock"}},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		m, err := r.Match(method, path, c.hint)
		if err != nil {
			t.Errorf("%s: %v", c.request, err)
			continue
		}
		got := m.Operation.Name
		for _, l := range m.Labels {
			got += " " + l.Name + "=" + l.Value
			if m.Label(l.Name) != l.Value {
				t.Errorf("%s: Label(%s) is %q", c.request, l.Name, m.Label(l.Name))
			}
		}
		if strings.HasPrefix(got, "ListTags") {
			got = m.Operation.Service.Name
		}
		if got != c.want {
			t.Errorf("%s is %s, want %s", c.request, got, c.want)
		}
	}
}

func TestMatchRefuses(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for _, c := range []struct {
		request, code, text string
		hint                Hint
	}{
		{request: "GET /model/m/converse", code: "UnknownOperationException", text: "take POST"},
		{request: "POST /Model/m/converse", code: "UnknownOperationException"},
		{request: "POST /model/m/Converse", code: "UnknownOperationException"},
		{request: "POST /model//converse", code: "UnknownOperationException"},
		{request: "POST //model/m/converse", code: "UnknownOperationException"},
		{request: "POST /model/converse", code: "UnknownOperationException"},
		{request: "POST /", code: "UnknownOperationException"},
		{request: "POST ", code: "UnknownOperationException"},
		{request: "POST /model/m/converse", code: "UnknownOperationException", hint: Hint{SigningName: "bedrock-agentcore"}},
		{request: "POST /model/m/converse", code: "UnknownOperationException", hint: Hint{Service: "bedrock"}},
		{request: "POST /model/" + strings.Repeat("a/", 60) + "converse", code: "UnknownOperationException"},
		{request: "POST /model/%zz/converse", code: "SerializationException", text: "modelId"},
		{request: "POST /model/%ff/converse", code: "SerializationException", text: "modelId"},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		m, err := r.Match(method, path, c.hint)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s: %+v, %v", c.request, m, err)
		}
	}
	twice := fakeService(t, "x", "x", "A GET /a/{b}", "B GET /a/{c}")
	if _, err := NewRouter(twice); err == nil {
		t.Error("two operations with one path were accepted")
	}
}

// FuzzMatch: whatever the path, labels put back into the template give a path
// that means the same.
func FuzzMatch(f *testing.F) {
	f.Add("POST", "/model/a%3Ab/converse")
	f.Add("GET", "/async-invoke/arn:aws:bedrock:us-east-1:123456789012:async-invoke/x")
	f.Add("POST", "//a/%%/./..")
	r := testRouter(f)
	f.Fuzz(func(t *testing.T, method, path string) {
		m, err := r.Match(method, path, Hint{})
		if err != nil {
			return
		}
		again := m.Operation.URI
		for _, l := range m.Labels {
			again = strings.Replace(again, "{"+l.Name+"}", escape(l.Value), 1)
		}
		m2, err := r.Match(method, again, Hint{Service: m.Operation.Service.Name})
		if err != nil || m2.Operation != m.Operation || cmp.Diff(m.Labels, m2.Labels) != "" {
			t.Fatalf("%s became %s: %v, %+v", path, again, err, m2)
		}
	})
}

// escape encodes a label as the SDKs do: all but unreserved characters.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

func BenchmarkMatch(b *testing.B) {
	r := testRouter(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Match("POST", "/model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse", Hint{SigningName: "bedrock"}); err != nil {
			b.Fatal(err)
		}
	}
}
