package sdks

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/bedrock"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
)

func TestAgentResources(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "openai-go, saved agents and environments", openAIModule)
	s.run(t, map[string]func(*testing.T){
		"an agent is created, read, changed and deleted": agentLife, "every kind of tool of an agent": agentTools,
		"null and nothing differ in a change of an agent": agentNulls, "agents are listed page by page": agentPages,
		"an agent takes no secrets": agentSecrets, "the beta's header": agentBeta, "Bedrock's client, signed": agentSigned,
		"environments and their idempotency keys": environmentOnce, "hosted environments are refused": environmentHosted,
		"files of an environment": environmentFiles, "an upload goes into an environment": environmentUpload,
		"templates never show their secrets": environmentTemplates,
	})
}

func agentLife(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	made := must[*openai.Agent](t)(client.Beta.Agents.New(ctx, openai.BetaAgentNewParams{
		Model: chatModel, Name: openai.String("Helper"), Instructions: openai.String("Be kind."), Metadata: map[string]string{"team": "a"},
		Reasoning: openai.AgentReasoningParam{Effort: openai.AgentReasoningParamEffortLow}, ServiceTier: openai.BetaAgentNewParamsServiceTierFlex,
		MultiAgent: openai.MultiAgentConfigParam{Enabled: true},
	}))
	equal(t, "the object", string(made.Object), "agent")
	equal(t, "the name, instructions and model", []string{made.Name, made.Instructions, made.Model}, []string{"Helper", "Be kind.", chatModel})
	equal(t, "the metadata", made.Metadata, map[string]string{"team": "a"})
	equal(t, "the subagents", made.MultiAgent.MaxConcurrentSubagents, int64(6))
	equal(t, "the effort", made.Reasoning.Effort, openai.AgentReasoningEffortLow)
	equal(t, "the tier", made.ServiceTier, openai.AgentServiceTierFlex)
	equal(t, "the compaction", made.Compaction.Async, true)
	equal(t, "the verbosity", made.Text.Verbosity, openai.AgentTextVerbosityMedium)
	read := must[*openai.Agent](t)(client.Beta.Agents.Get(ctx, made.ID))
	equal(t, "what is read again", read.RawJSON(), made.RawJSON())
	changed := must[*openai.Agent](t)(client.Beta.Agents.Update(ctx, made.ID, openai.BetaAgentUpdateParams{Model: openai.String("other")}))
	equal(t, "what is changed and kept", []string{changed.Model, changed.Name}, []string{"other", "Helper"})
	gone := must[*openai.AgentDeleted](t)(client.Beta.Agents.Delete(ctx, made.ID))
	equal(t, "what is deleted", []any{gone.ID, gone.Deleted, string(gone.Object)}, []any{made.ID, true, "agent.deleted"})
	_, err := client.Beta.Agents.Get(ctx, made.ID)
	equal(t, "the code", openAIError(t, err, 404).Code, "not_found_error")
}

func agentTools(t *testing.T) {
	client := openAI(t)
	search, automations := openai.NewPersistedAgentToolParamToolSearch(), openai.NewPersistedAgentToolParamAutomations()
	made := must[*openai.Agent](t)(client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel, Tools: []openai.PersistedAgentToolParamUnion{
		{OfParamFunction: &openai.PersistedAgentToolParamFunction{Name: "look", Description: "Looks.", Parameters: weather(), DeferLoading: openai.Bool(true)}},
		{OfParamToolSearch: &search}, {OfParamProgrammaticToolCalling: &openai.PersistedAgentToolParamProgrammaticToolCalling{}},
		{OfParamMcp: &openai.PersistedAgentToolParamMcp{ServerLabel: "docs", CredentialID: openai.String("cred_1"), AllowedTools: []string{"a"},
			RequestMetadata: map[string]any{"a": 1}, Required: openai.Bool(true),
			Transport: openai.PersistedMcpTransportParamUnion{OfParamHTTP: &openai.PersistedMcpTransportParamHTTP{
				ServerURL: "https://docs.example.com/mcp", Headers: map[string]string{"X-Team": "a"}}}}},
		{OfParamMcp: &openai.PersistedAgentToolParamMcp{ServerLabel: "local", ConnectionOrigin: "environment",
			Transport: openai.PersistedMcpTransportParamUnion{OfParamStdio: &openai.PersistedMcpTransportParamStdio{Command: "serve", Cwd: "/srv", Args: []string{"-v"}}}}},
		{OfParamWebSearch: &openai.PersistedAgentToolParamWebSearch{Mode: "cached", Location: openai.PersistedAgentToolParamWebSearchLocation{City: openai.String("Rome")}}},
		{OfParamComputerUse: &openai.PersistedAgentToolParamComputerUse{IncludeScreenshots: openai.Bool(true)}}, {OfParamAutomations: &automations},
	}}))
	var kinds []string
	for _, tool := range made.Tools {
		if tool.AsAny() == nil {
			t.Errorf("the client does not know %s", tool.RawJSON())
		}
		kinds = append(kinds, tool.Type)
	}
	equal(t, "the tools", kinds, []string{"function", "tool_search", "programmatic_tool_calling", "mcp", "mcp", "web_search", "computer_use", "automations"})
	look, docs, local, web := made.Tools[0].AsFunction(), made.Tools[3].AsMcp(), made.Tools[4].AsMcp(), made.Tools[5].AsWebSearch()
	equal(t, "the function", []any{look.Name, look.DeferLoading, len(look.Parameters) > 0}, []any{"look", true, true})
	equal(t, "the server", []any{docs.CredentialID, docs.ConnectionOrigin, docs.Required, docs.Transport.AsHTTP().Headers["X-Team"]}, []any{"cred_1", "service", true, "a"})
	equal(t, "the process", []any{local.Transport.AsStdio().Args, local.AllowedTools == nil}, []any{[]string{"-v"}, true})
	equal(t, "the search", []string{web.Mode, web.ContextSize, web.Location.City}, []string{"cached", "medium", "Rome"})
}

func agentNulls(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	made := must[*openai.Agent](t)(client.Beta.Agents.New(ctx, openai.BetaAgentNewParams{Model: chatModel, Name: openai.String("n"),
		Metadata: map[string]string{"a": "b"}, Experimental: openai.BetaAgentNewParamsExperimental{TimeAwareness: openai.Bool(true)},
		Compaction: openai.BetaAgentNewParamsCompaction{Async: openai.Bool(false)}}))
	same := must[*openai.Agent](t)(client.Beta.Agents.Update(ctx, made.ID, openai.BetaAgentUpdateParams{}))
	equal(t, "what nothing changes", []any{same.Name, same.Metadata, same.Experimental.TimeAwareness, same.Compaction.Async}, []any{"n", map[string]string{"a": "b"}, true, false})
	cleared := must[*openai.Agent](t)(client.Beta.Agents.Update(ctx, made.ID, openai.BetaAgentUpdateParams{Name: param.Null[string](),
		Metadata: map[string]string{}, Tools: []openai.PersistedAgentToolParamUnion{}, Compaction: param.NullStruct[openai.BetaAgentUpdateParamsCompaction]()}))
	equal(t, "what null changes", []any{cleared.JSON.Name.Valid(), cleared.Metadata, cleared.Experimental.TimeAwareness, cleared.Compaction.Async},
		[]any{false, map[string]string{}, true, true})
}

func agentPages(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	want := map[string]bool{}
	for range 5 {
		made := must[*openai.Agent](t)(client.Beta.Agents.New(ctx, openai.BetaAgentNewParams{Model: chatModel}))
		want[made.ID] = true
	}
	var last string
	pages := client.Beta.Agents.ListAutoPaging(ctx, openai.BetaAgentListParams{Limit: openai.Int(2)})
	for pages.Next() {
		id := pages.Current().ID
		if last != "" && id >= last {
			t.Errorf("%s comes after %s", id, last)
		}
		last = id
		delete(want, id)
	}
	if pages.Err() != nil || len(want) > 0 {
		t.Errorf("%d are not listed: %v", len(want), pages.Err())
	}
	_, err := client.Beta.Agents.List(ctx, openai.BetaAgentListParams{Limit: openai.Int(101)})
	equal(t, "the parameter", openAIError(t, err, 400).Param, "limit")
}

func agentSecrets(t *testing.T) {
	client := openAI(t)
	tool := openai.PersistedAgentToolParamUnion{OfParamMcp: &openai.PersistedAgentToolParamMcp{ServerLabel: "docs",
		Transport: openai.PersistedMcpTransportParamUnion{OfParamHTTP: &openai.PersistedMcpTransportParamHTTP{
			ServerURL: "https://docs.example.com/mcp", Headers: map[string]string{"Authorization": "Bearer swordfish"}}}}}
	_, err := client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel, Tools: []openai.PersistedAgentToolParamUnion{tool}})
	e := openAIError(t, err, 400)
	equal(t, "the parameter", e.Param, "tools[0].transport.headers.Authorization")
	contains(t, e.Message, "vault")
	if strings.Contains(e.Error(), "swordfish") {
		t.Error("the error repeats the secret")
	}
}

func agentBeta(t *testing.T) {
	client := openAI(t)
	_, err := client.Beta.Agents.List(t.Context(), openai.BetaAgentListParams{}, option.WithHeader("OpenAI-Beta", "assistants=v2"))
	equal(t, "the code", openAIError(t, err, 400).Code, "invalid_beta")
	var answer *http.Response
	_, err = client.Beta.Agents.List(t.Context(), openai.BetaAgentListParams{}, option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		r.Header.Set("OpenAI-Beta", "assistants=v2, agents=v1")
		var err error
		answer, err = next(r)
		return answer, err
	}))
	if err != nil || answer.Header.Get("X-Request-Id") == "" {
		t.Errorf("several betas at once: %v", err)
	}
}

func agentSigned(t *testing.T) {
	signed := func(secret string, endpoint bedrock.Endpoint) openai.Client {
		return must[openai.Client](t)(bedrock.NewClient(t.Context(), bedrock.Config{AWSRegion: "us-east-1", Endpoint: endpoint,
			AWSAccessKeyID: setting(t, "CRATON_ACCESS_KEY_ID"), AWSSecretAccessKey: secret, BaseURL: serverURL(t) + "/openai/v1"}, option.WithMaxRetries(0)))
	}
	right := setting(t, "CRATON_SECRET_ACCESS_KEY")
	client := signed(right, bedrock.EndpointMantle)
	made := must[*openai.Agent](t)(client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel}))
	read := must[*openai.Agent](t)(client.Beta.Agents.Get(t.Context(), made.ID))
	equal(t, "the agent", read.ID, made.ID)
	_, err := client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel}, option.WithJSONSet("temper", "mild"))
	equal(t, "the parameter that is unknown", openAIError(t, err, 400).Param, "temper")
	for _, other := range []openai.Client{signed("wrong", bedrock.EndpointMantle), signed(right, bedrock.EndpointRuntime)} {
		_, err := other.Beta.Agents.Get(t.Context(), made.ID)
		equal(t, "the code", openAIError(t, err, 401).Code, "unauthorized")
	}
}

// ownMachine asks for an environment of the client's own, which the client's
// types leave to sessions.
var ownMachine = []option.RequestOption{option.WithJSONSet("environment.type", "self_hosted"), option.WithJSONSet("environment.workspace_directory", "/workspace")}

func ownEnvironment(t *testing.T, key string, more ...option.RequestOption) (*openai.EnvironmentInfo, error) {
	t.Helper()
	params := openai.BetaAgentEnvironmentNewParams{}
	if key != "" {
		params.IdempotencyKey = openai.String(key)
	}
	client := openAI(t)
	return client.Beta.Agents.Environments.New(t.Context(), params, append(append([]option.RequestOption{}, ownMachine...), more...)...)
}

func environmentOnce(t *testing.T) {
	key := newTag()
	made := must[*openai.EnvironmentInfo](t)(ownEnvironment(t, key))
	equal(t, "the environment", []string{string(made.Type), string(made.Status)}, []string{"self_hosted", "pending"})
	again := must[*openai.EnvironmentInfo](t)(ownEnvironment(t, key))
	equal(t, "the same key", again.ID, made.ID)
	var asked atomic.Int32
	_, err := ownEnvironment(t, key, option.WithJSONSet("environment.workspace_directory", "/else"), option.WithMaxRetries(3),
		option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			asked.Add(1)
			return next(r)
		}))
	equal(t, "the code", openAIError(t, err, 409).Code, "idempotency_conflict")
	equal(t, "how often the client asks", asked.Load(), int32(1))
	client := openAI(t)
	read := must[*openai.EnvironmentInfo](t)(client.Beta.Agents.Environments.Get(t.Context(), made.ID))
	equal(t, "what is read", read.ID, made.ID)
	page, err := client.Beta.Agents.Environments.List(t.Context(), openai.BetaAgentEnvironmentListParams{Type: "self_hosted", Limit: openai.Int(1)})
	if err != nil || len(page.Data) != 1 {
		t.Errorf("listed %+v, %v", page, err)
	}
}

func environmentHosted(t *testing.T) {
	client := openAI(t)
	_, err := client.Beta.Agents.Environments.New(t.Context(), openai.BetaAgentEnvironmentNewParams{})
	e := openAIError(t, err, 400)
	equal(t, "the type", e.Type, "invalid_request_error")
	contains(t, e.Message, "no sandboxes yet")
	pages := client.Beta.Agents.Environments.ListAutoPaging(t.Context(), openai.BetaAgentEnvironmentListParams{})
	if pages.Next() || pages.Err() != nil {
		t.Errorf("a hosted environment is listed, or an error: %v", pages.Err())
	}
}

func environmentFiles(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	env := must[*openai.EnvironmentInfo](t)(ownEnvironment(t, ""))
	for _, path := range []string{"/workspace/a/b", "/workspace/a-b", "/workspace/c"} {
		made := must[*openai.EnvironmentFile](t)(client.Beta.Agents.Environments.Files.New(ctx, env.ID, openai.BetaAgentEnvironmentFileNewParams{
			HostedEnvironmentFileParam: openai.HostedEnvironmentFileParamUnion{OfParamInline: &openai.HostedEnvironmentFileParamInline{
				Path: path, Data: base64.StdEncoding.EncodeToString([]byte("hello"))}}}))
		equal(t, "the file", []any{made.Path, made.SizeBytes, made.EnvironmentID}, []any{path, int64(5), env.ID})
	}
	list := func(params openai.BetaAgentEnvironmentFileListParams) (paths []string) {
		t.Helper()
		params.Limit = openai.Int(1)
		pages := client.Beta.Agents.Environments.Files.ListAutoPaging(ctx, env.ID, params)
		for pages.Next() {
			paths = append(paths, pages.Current().Path)
		}
		if pages.Err() != nil {
			t.Error(pages.Err())
		}
		return paths
	}
	equal(t, "all files", list(openai.BetaAgentEnvironmentFileListParams{}), []string{"/workspace/c", "/workspace/a-b", "/workspace/a/b"})
	equal(t, "a directory's", list(openai.BetaAgentEnvironmentFileListParams{Path: openai.String("/workspace/a"), Order: "asc"}), []string{"/workspace/a/b"})
}

func environmentUpload(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	env := must[*openai.EnvironmentInfo](t)(ownEnvironment(t, ""))
	source := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(source, []byte("hello there"), 0o600); err != nil {
		t.Fatal(err)
	}
	staged := must[*openai.BetaAgentStagedFile](t)(client.Beta.Agents.Environments.Files.Upload(ctx, env.ID, source, "/workspace/notes.txt"))
	equal(t, "the file", []any{staged.File.Path, staged.File.SizeBytes, staged.Upload.Bytes}, []any{"/workspace/notes.txt", int64(11), int64(11)})
}

func environmentTemplates(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	archive := openai.InlineCapabilitySourceParam{Data: base64.StdEncoding.EncodeToString([]byte("swordfish"))}
	made := must[*openai.EnvironmentTemplate](t)(client.Beta.Agents.Environments.Templates.New(ctx, openai.BetaAgentEnvironmentTemplateNewParams{
		Name: openai.String("base"), Env: map[string]string{"TOKEN": "swordfish"}, Packages: openai.BetaAgentEnvironmentTemplateNewParamsPackages{Npm: []string{"left-pad"}},
		Files:         []openai.HostedEnvironmentFileParamUnion{{OfParamInline: &openai.HostedEnvironmentFileParamInline{Path: "/workspace/f", Data: archive.Data}}},
		Plugins:       []openai.HostedPluginParam{{Name: "p", Description: "d", Source: archive}},
		Skills:        []openai.HostedSkillParamUnion{{OfParamSkillReference: &openai.HostedSkillParamSkillReference{SkillID: "skill_1"}}},
		SetupCommands: []openai.SetupCommandParam{{Command: "echo swordfish"}},
		Network:       openai.BetaAgentEnvironmentTemplateNewParamsNetwork{Access: "restricted", AllowedDomains: []string{"example.com"}},
	}))
	equal(t, "the template", []any{made.Name, made.Packages.Npm, made.Network.AllowedDomains, made.Files[0].SizeBytes, made.Skills[0].SkillID},
		[]any{"base", []string{"left-pad"}, []string{"example.com"}, int64(9), "skill_1"})
	changed := must[*openai.EnvironmentTemplate](t)(client.Beta.Agents.Environments.Templates.Update(ctx, made.ID, openai.BetaAgentEnvironmentTemplateUpdateParams{
		Name: param.Null[string](), Network: param.NullStruct[openai.BetaAgentEnvironmentTemplateUpdateParamsNetwork]()}))
	equal(t, "what is changed and kept", []any{changed.JSON.Name.Valid(), changed.Network.Access, len(changed.Plugins)}, []any{false, "disabled", 1})
	found := false
	for pages := client.Beta.Agents.Environments.Templates.ListAutoPaging(ctx, openai.BetaAgentEnvironmentTemplateListParams{}); pages.Next(); {
		at := pages.Current()
		found = found || at.ID == made.ID
		if strings.Contains(at.RawJSON(), "swordfish") || strings.Contains(at.RawJSON(), archive.Data) {
			t.Errorf("a secret is shown: %s", at.RawJSON())
		}
	}
	equal(t, "that it is listed", found, true)
	gone := must[*openai.EnvironmentTemplateDeleted](t)(client.Beta.Agents.Environments.Templates.Delete(ctx, made.ID))
	equal(t, "the deletion", []any{gone.ID, gone.Deleted}, []any{made.ID, true})
	_, err := client.Beta.Agents.Environments.Templates.Get(ctx, made.ID)
	openAIError(t, err, 404)
}
