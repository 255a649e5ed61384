package agents

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/model"
)

// decoders are the requests this package reads, by what the tests call them.
var decoders = map[string]func(body []byte, mount Mount) (any, error){
	"agent":       func(b []byte, m Mount) (any, error) { return DecodeAgentCreate(b, m) },
	"change":      func(b []byte, m Mount) (any, error) { return DecodeAgentUpdate(b, m) },
	"environment": func(b []byte, m Mount) (any, error) { return DecodeEnvironmentCreate(b, m) },
	"template":    func(b []byte, m Mount) (any, error) { return DecodeTemplate(b, m) },
	"file":        func(b []byte, m Mount) (any, error) { return DecodeFile(b, m) },
	"session":     func(b []byte, m Mount) (any, error) { return DecodeSessionCreate(b, m) },
	"update":      func(b []byte, m Mount) (any, error) { return DecodeSessionUpdate(b, m) },
	"events":      func(b []byte, m Mount) (any, error) { return DecodeInputEvents(b, m) },
}

// refusals are bodies with the parameter each is refused for.
var refusals = []struct{ what, body, param, message string }{
	{"agent", `{}`, "model", "Missing"},
	{"agent", `[]`, "", "must be a JSON object"},
	{"agent", `{"model":`, "", "could not parse"},
	{"agent", `{"model":null}`, "model", "got null"},
	{"agent", `{"model":7}`, "model", "got an integer"},
	{"agent", `{"model":"m","name":"` + strings.Repeat("n", 129) + `"}`, "name", "129 characters"},
	{"agent", `{"model":"m","metadata":{"":"x"}}`, "metadata", "key"},
	{"agent", `{"model":"m","metadata":{"a":1}}`, "metadata.a", "a string"},
	{"agent", `{"model":"m","multi_agent":{}}`, "multi_agent.enabled", "Missing"},
	{"agent", `{"model":"m","multi_agent":{"enabled":true,"max_concurrent_subagents":0}}`, "multi_agent.max_concurrent_subagents", "between 1"},
	{"agent", `{"model":"m","multi_agent":{"enabled":true,"max_concurrent_subagents":1.5}}`, "multi_agent.max_concurrent_subagents", "an integer"},
	{"agent", `{"model":"m","reasoning":{"effort":"huge"}}`, "reasoning.effort", "'none', 'minimal'"},
	{"agent", `{"model":"m","reasoning":{"summary":"long"}}`, "reasoning.summary", "Supported"},
	{"agent", `{"model":"m","service_tier":"best"}`, "service_tier", "ultrafast"},
	{"agent", `{"model":"m","text":{"format":{"type":"json_schema"}}}`, "text.format.schema", "Missing"},
	{"agent", `{"model":"m","text":{"format":{"type":"xml"}}}`, "text.format.type", "json_schema"},
	{"agent", `{"model":"m","text":{"verbosity":"loud"}}`, "text.verbosity", "Supported"},
	{"agent", `{"model":"m","compaction":{"async":1}}`, "compaction.async", "a boolean"},
	{"agent", `{"model":"m","experimental":{"time_awareness":"yes"}}`, "experimental.time_awareness", "a boolean"},
	{"agent", `{"model":"m","tools":[{}]}`, "tools.0.type", "Missing"},
	{"agent", `{"model":"m","tools":[{"type":"magic"}]}`, "tools.0.type", "web_search"},
	{"agent", `{"model":"m","tools":[{"type":"function","name":"a"}]}`, "tools.0.description", "Missing"},
	{"agent", `{"model":"m","tools":[{"type":"function","name":"a b","description":"","parameters":{}}]}`, "tools.0.name", "letters"},
	{"agent", `{"model":"m","tools":[{"type":"function","name":"a","description":"","parameters":[]}]}`, "tools.0.parameters", "an object"},
	{"agent", `{"model":"m","tools":[{"type":"function","name":"a","description":"","parameters":{}},{"type":"function","name":"a","description":"","parameters":{}}]}`, "tools.1.name", "same"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http"}}]}`, "tools.0.transport.server_url", "Missing"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"carrier pigeon"}}]}`, "tools.0.transport.type", "stdio"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"/mcp"}}]}`, "tools.0.transport.server_url", "absolute URL"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://u:p@x/"}}]}`, "tools.0.transport.server_url", "credential"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://x/","authorization":"Bearer t"}}]}`, "tools.0.transport.authorization", "no secrets"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://x/","headers":{"authorization":"t"}}}]}`, "tools.0.transport.headers.authorization", "no secrets"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://x/","headers":{"a b":"t"}}}]}`, "tools.0.transport.headers", "no name of a header"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://x/","headers":{"a":"t\r\nb: c"}}}]}`, "tools.0.transport.headers.a", "control"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"stdio","command":"c","cwd":"/","env":{"A":"s"}}}]}`, "tools.0.transport.env", "no secrets"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"stdio","command":"c","cwd":"here"}}]}`, "tools.0.transport.cwd", "absolute"},
	{"agent", `{"model":"m","tools":[{"type":"mcp","server_label":"a","transport":{"type":"stdio","command":"c","cwd":"/a/../b"}}]}`, "tools.0.transport.cwd", "absolute"},
	{"agent", `{"model":"m","tools":[{"type":"web_search","mode":"dead"}]}`, "tools.0.mode", "cached"},
	{"agent", `{"model":"m","tools":[{"type":"web_search","location":{"city":7}}]}`, "tools.0.location.city", "a string"},
	{"agent", `{"model":"m","tools":[{"type":"function","name":"big","description":"` + strings.Repeat("d", MaxTools) + `","parameters":{}}]}`, "tools", "3145728"},
	{"change", `{"model":""}`, "model", "empty"},
	{"session", `{"agent":{"model":"m"}}`, "environment", "Missing"},
	{"session", `{"environment":{"type":"none"},"input":"x"}`, "agent.model", "Missing"},
	{"session", `{"agent_id":"` + strings.Repeat("a", 65) + `","environment":{"type":"none"},"input":"x"}`, "agent_id", "65 characters"},
	{"session", `{"agent_id":"a","environment":{"type":"none"}}`, "input", "initial input"},
	{"session", `{"agent_id":"a","environment":{"type":"openai_hosted"},"stream":true}`, "input", "needs initial input"},
	{"session", `{"agent_id":"a","environment":{"type":"moon"}}`, "environment.type", "'moon'. Supported values are: 'none', 'self_hosted'."},
	{"session", `{"agent_id":"a","environment":{"type":"self_hosted"}}`, "environment.workspace_directory", "Missing"},
	{"session", `{"agent_id":"a","environment":{"type":"self_hosted","workspace_directory":"w/"}}`, "environment.workspace_directory", "absolute"},
	{"session", `{"agent_id":"a","environment":{"type":"openai_hosted","environment_id":"e","files":[]}}`, "environment.environment_id", "set up anew"},
	{"session", `{"agent_id":"a","environment":{"type":"openai_hosted","container_size":"vast"}}`, "environment.container_size", "large"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[]}`, "input", "empty"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":""}`, "input", "empty"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"assistant","content":[]}]}`, "input.0.role", "user"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":"x"}]}`, "input.0.content", "an array"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":[{"type":"input_file"}]}]}`, "input.0.content.0.type", "input_image"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":[{"type":"input_image","image_url":"ftp://x"}]}]}`, "input.0.content.0.image_url", "https://"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:text/plain,x"}]}]}`, "input.0.content.0.image_url", "data:"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,!!!"}]}]}`, "input.0.content.0.image_url", "base64"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,"}]}]}`, "input.0.content.0.image_url", "base64"},
	{"events", `{"events":[{"type":"agent.session.input.tool_result","turn_id":"t","call_id":"c","success":true,"output":[{"type":"input_image","image_url":"data:image/png;base64,AAA"}]}]}`, "events.0.output.0.image_url", "base64"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","vault_ids":["a","a"]}`, "vault_ids", "twice"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","vault_ids":["1","2","3","4","5","6","7","8","9","10","11"]}`, "vault_ids", "limit is 10"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","review":"maybe"}`, "review", "auto_review"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","spend_control":{}}`, "spend_control.limit", "Missing"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","spend_control":{"limit":0}}`, "spend_control.limit", "between 1"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","stream_options":{}}`, "stream_options", "stream"},
	{"session", `{"agent_id":"a","environment":{"type":"none"},"input":"x","prompt_cache_options":{"ttl":"1h"}}`, "prompt_cache_options.ttl", "12h"},
	{"session", `{"agent":{"model":"m","tools":[{"type":"mcp","server_label":"a","credential_id":"c","transport":{"type":"http","server_url":"https://x/","authorization":"t"}}]},"environment":{"type":"none"},"input":"x"}`, "agent.tools.0", "more than one source"},
	{"update", `{"agent":{"model":""}}`, "agent.model", "empty"},
	{"update", `{"agent":{"reasoning":{"effort":1}}}`, "agent.reasoning.effort", "a string"},
	{"update", `{"spend_control":7}`, "spend_control", "an object"},
	{"events", `{}`, "events", "Missing"},
	{"events", `{"events":{}}`, "events", "an array"},
	{"events", `{"events":[{"type":"agent.session.input.hello"}]}`, "events.0.type", "input.cancel"},
	{"events", `{"events":[{"type":"agent.session.input.message","input":"x"}]}`, "events.0.input", "an array"},
	{"events", `{"events":[{"type":"agent.session.input.tool_result","turn_id":"t","call_id":"c"}]}`, "events.0.success", "Missing"},
	{"events", `{"events":[{"type":"agent.session.input.tool_result","turn_id":"t","call_id":"c","success":true,"output":7}]}`, "events.0.output", "an array of content"},
	{"events", `{"events":[{"type":"agent.session.input.mcp_approval_request_result","request_id":"r","response":{"type":"mcp_tool_call","decision":"perhaps"}}]}`, "events.0.response.decision", "approve"},
	{"events", `{"events":[{"type":"agent.session.input.computer_use_approval_request_result","request_id":"r","response":{"type":"mcp_tool_call","decision":"deny"}}]}`, "events.0.response.type", "browser"},
	{"events", `{"events":[{"type":"agent.session.input.computer_use_approval_request_result","request_id":"r","response":{"type":"browser_authentication","action":"submit","fields":[{"field_id":"a","value":"1"},{"field_id":"a","value":"2"}]}}]}`, "events.0.response.fields.1.field_id", "twice"},
	{"events", `{"events":[` + strings.Repeat(`{"type":"agent.session.input.cancel"},`, 64) + `{"type":"agent.session.input.cancel"}]}`, "events", "65 events"},
	{"environment", `{}`, "environment", "Missing"},
	{"template", `{"files":[{"type":"inline","path":"/etc/passwd","data":""}]}`, "files.0.path", "below /workspace"},
	{"template", `{"files":[{"type":"inline","path":"/workspace/outputs","data":""}]}`, "files.0.path", "outputs"},
	{"template", `{"files":[{"type":"inline","path":"/workspace/.managed-agents-x/a","data":""}]}`, "files.0.path", "executor"},
	{"template", `{"files":[{"type":"inline","path":"/workspace/a","data":"%%%"}]}`, "files.0.data", "base64"},
	{"template", `{"network":{}}`, "network.access", "Missing"},
	{"template", `{"network":{"access":"enabled","blocked_domains":["a.com"]}}`, "network.blocked_domains", "restricted"},
	{"template", `{"network":{"access":"restricted","blocked_domains":["a.com"],"allowed_domains":["b.com"]}}`, "network.blocked_domains", "combined"},
	{"template", `{"network":{"access":"restricted","blocked_domains":["*.a.com"]}}`, "network.blocked_domains", "wildcards"},
	{"template", `{"network":{"access":"restricted","allowed_domains":["https://a.com"]}}`, "network.allowed_domains.0", "name of a host"},
	{"template", `{"skills":[{"type":"skill_reference","skill_id":"s","version":"0"}]}`, "skills.0.version", "positive"},
	{"template", `{"plugins":[{"type":"inline","name":"p","description":"d","source":{"type":"base64","media_type":"text/html","data":""}}]}`, "plugins.0.source.media_type", "application/zip"},
	{"template", `{"env":{"A=B":"c"}}`, "env", "no name"},
	{"template", `{"setup_commands":[{"cwd":"/workspace"}]}`, "setup_commands.0.command", "Missing"},
	{"file", `{"type":"file_id","path":"/workspace/a"}`, "file_id", "Missing"},
	{"file", `{"type":"inline","path":"/workspace/a/","data":""}`, "path", "no slash"},
	{"file", `{"type":"inline","path":"/workspace//a","data":""}`, "path", "absolute"},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range refusals {
		_, err := decoders[c.what]([]byte(c.body), OpenAI)
		e := model.AsError(err)
		if e == nil || e.Kind != model.Invalid || e.Subject != c.param || !strings.Contains(e.Public(), c.message) {
			t.Errorf("%s %.200s\n gives %v; want %q about %q", c.what, c.body, err, c.message, c.param)
		}
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	const base = `{"agent":{"model":"m","temper":"mild"},"environment":{"type":"none","seats":4},"input":"x"}`
	if _, err := DecodeSessionCreate([]byte(base), OpenAI); err != nil {
		t.Errorf("OpenAI's mount refuses what it does not know: %v", err)
	}
	var told []string
	telling := OpenAI.Telling(func(path string) { told = append(told, path) })
	if _, err := DecodeSessionCreate([]byte(base), telling); err != nil || strings.Join(told, " ") != "agent.temper environment.seats" {
		t.Errorf("what is ignored is told as %q, %v", told, err)
	}
	told = nil
	const events = `{"events":[{"type":"agent.session.input.message","urgent":true,"input":[{"role":"user","content":[{"type":"input_text","text":"x","tone":1}]}]}]}`
	if _, err := DecodeInputEvents([]byte(events), telling); err != nil || strings.Join(told, " ") != "events.0.urgent events.0.input.0.content.0.tone" {
		t.Errorf("what is ignored of events is told as %q, %v", told, err)
	}
	if e := model.AsError(second(DecodeSessionCreate([]byte(base), Bedrock))); e == nil || e.Subject != "agent.temper" {
		t.Errorf("Bedrock's mount gives %v", e)
	}
	create, err := DecodeSessionCreate([]byte(`{"agent":{"model":"m"},"role_arn":"arn:aws:iam::1:role/r","environment":{"type":"aws_bedrock_agentcore",
		"runtime_arn":"arn:x","runtime_qualifier":"DEFAULT","workspace_directory":"/w","capability_directories":["/c"]}}`), Bedrock)
	if err != nil || create.RoleARN == "" || create.Environment.AgentCore.CapabilityDirectories[0] != "/c" {
		t.Errorf("Bedrock's own members: %+v, %v", create, err)
	}
	if e := model.AsError(second(DecodeInputEvents([]byte(`{"events":[]}`), Bedrock))); e == nil || e.Subject != "events" {
		t.Errorf("an empty batch gives %v", e)
	}
	if e := model.AsError(second(DecodeInputEvents([]byte(`{"idempotency_key":"k","events":[]}`), OpenAI))); e == nil || e.Subject != "idempotency_key" {
		t.Errorf("an idempotency key in the body: %v", e)
	}
	if events, err := DecodeInputEvents([]byte(`{"events":[]}`), OpenAI); err != nil || len(events) != 0 {
		t.Errorf("an empty batch gives %v, %v", events, err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestUpdateTellsNullFromNothing reads changes of a session.
func TestUpdateTellsNullFromNothing(t *testing.T) {
	t.Parallel()
	null := Optional[string]{Set: true, Null: true}
	for body, want := range map[string]SessionUpdate{
		`{}`:              {},
		`{"agent":null}`:  {},
		`{"metadata":{}}`: {Metadata: Optional[map[string]string]{Set: true, Value: map[string]string{}}},
		`{"metadata":null,"review":null,"prompt_cache_options":null}`: {Metadata: Optional[map[string]string]{Set: true, Null: true}, Review: null, CacheTTL: null},
		`{"spend_control":null}`:                                  {SpendLimit: Optional[int64]{Set: true, Null: true}},
		`{"spend_control":{"limit":null}}`:                        {SpendLimit: Optional[int64]{Set: true, Null: true}},
		`{"spend_control":{"limit":5}}`:                           {SpendLimit: Optional[int64]{Set: true, Value: 5}},
		`{"agent":{"reasoning":null}}`:                            {Effort: null},
		`{"agent":{"reasoning":{}}}`:                              {},
		`{"agent":{"reasoning":{"effort":null},"tools":null}}`:    {Effort: null, Tools: Optional[[]Tool]{Set: true, Null: true}},
		`{"agent":{"tools":[],"service_tier":null,"model":"m2"}}`: {Model: Optional[string]{Set: true, Value: "m2"}, ServiceTier: null, Tools: Optional[[]Tool]{Set: true, Value: []Tool{}}},
		`{"prompt_cache_options":{}}`:                             {CacheTTL: Optional[string]{Set: true, Value: "30m"}},
	} {
		got, err := DecodeSessionUpdate([]byte(body), OpenAI)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// TestSessionToolsHideHeaders shows a server as a session does.
func TestSessionToolsHideHeaders(t *testing.T) {
	t.Parallel()
	create, err := DecodeSessionCreate([]byte(`{"environment":{"type":"none"},"input":"x","agent":{"model":"m","tools":[{"type":"tool_search"},{"type":"programmatic_tool_calling"},
		{"type":"mcp","server_label":"a","transport":{"type":"http","server_url":"https://x/","headers":{"X-Secret":"swordfish"},"authorization":"Bearer swordfish"}},
		{"type":"mcp","server_label":"b","transport":{"type":"stdio","command":"c","cwd":"/","env":{"A":"swordfish"}}}]}}`), OpenAI)
	if err != nil {
		t.Fatal(err)
	}
	tools := create.Agent.Tools.Value
	if tools[2].MCP.Transport.Env != nil || *tools[2].MCP.Transport.Authorization != "Bearer swordfish" || tools[3].MCP.Transport.Env["A"] != "swordfish" {
		t.Errorf("the secrets were not read: %+v", tools)
	}
	var all []string
	for i := range tools {
		if shown, ok := SessionTool(tools[i].Shown()); ok {
			all = append(all, string(shown))
		}
	}
	text := strings.Join(all, "\n")
	if len(all) != 3 || strings.Contains(text, "swordfish") || strings.Contains(text, "headers") || !strings.Contains(text, `"enabled":true`) {
		t.Errorf("the session shows %s", text)
	}
}

// FuzzDecode sends anything to every decoder.
func FuzzDecode(f *testing.F) {
	for _, c := range refusals {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for what, decode := range decoders {
			for _, mount := range []Mount{OpenAI, Bedrock} {
				if _, err := decode(body, mount); err != nil && model.AsError(err).Kind != model.Invalid {
					t.Errorf("%s of %q: %v", what, body, err)
				}
			}
		}
	})
}
