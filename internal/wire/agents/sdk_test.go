package agents

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
)

// sent is what the official client puts on the wire.
func sent(t *testing.T, params any) []byte {
	t.Helper()
	body, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestSDKSession(t *testing.T) {
	t.Parallel()
	body := sent(t, openai.BetaAgentSessionNewParams{
		AgentID: openai.String("agent_1"), Environment: openai.EnvironmentParamUnion{OfParamNone: &openai.EnvironmentParamNone{Type: "none"}},
		Input: openai.BetaAgentSessionNewParamsInputUnion{OfArrayOfInputMessages: []openai.AgentSessionInputMessageParam{{Content: []openai.InputContentParamUnion{
			{OfParamInputText: &openai.InputContentParamInputText{Text: "What is it?"}},
			{OfParamInputImage: &openai.InputContentParamInputImage{ImageURL: "data:image/png;base64,AAAA"}},
		}}}},
		Metadata: map[string]string{"a": "b"}, VaultIDs: []string{"vault_1"}, Review: openai.BetaAgentSessionNewParamsReviewAutoReview,
		SpendControl: openai.BetaAgentSessionNewParamsSpendControl{Limit: openai.Int(250)},
		Agent:        openai.BetaAgentSessionNewParamsAgent{Model: openai.String("m"), Experimental: openai.BetaAgentSessionNewParamsAgentExperimental{TimeAwareness: openai.Bool(true)}},
	})
	got, err := DecodeSessionCreate(body, OpenAI)
	if err != nil {
		t.Fatal(err)
	}
	limit := int64(250)
	want := &SessionCreate{AgentID: "agent_1", Environment: EnvironmentParam{Type: "none"}, Metadata: map[string]string{"a": "b"}, VaultIDs: []string{"vault_1"},
		Input:  []UserMessage{{Content: []InputContent{{Type: "input_text", Text: "What is it?"}, {Type: "input_image", ImageURL: "data:image/png;base64,AAAA"}}}},
		Review: "auto_review", SpendLimit: &limit, Obfuscate: true,
		Agent: &AgentFields{Model: Optional[string]{Set: true, Value: "m"}, TimeAwareness: Optional[bool]{Set: true, Value: true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the session differs (-want +got):\n%s", diff)
	}
	body = sent(t, openai.BetaAgentSessionNewParams{
		Environment: openai.EnvironmentParamUnion{OfParamSelfHosted: &openai.EnvironmentParamSelfHosted{WorkspaceDirectory: "/work"}},
		Input:       openai.BetaAgentSessionNewParamsInputUnion{OfString: openai.String("Hello")},
		Agent:       openai.BetaAgentSessionNewParamsAgent{Model: openai.String("m")}})
	if got, err = DecodeSessionCreate(body, OpenAI); err != nil || got.Input[0].Content[0].Text != "Hello" || got.Environment.SelfHosted.WorkspaceDirectory != "/work" {
		t.Errorf("the session is %+v, %v", got, err)
	}
	body = sent(t, openai.BetaAgentSessionNewParams{AgentID: openai.String("a"),
		Environment: openai.EnvironmentParamUnion{OfParamOpenAIHosted: &openai.EnvironmentParamOpenAIHosted{EnvironmentID: openai.String("env_1")}}})
	if got, err = DecodeSessionCreate(body, OpenAI); err != nil || got.Environment.Hosted.EnvironmentID != "env_1" {
		t.Errorf("the session is %+v, %v", got, err)
	}
}

func TestSDKUpdate(t *testing.T) {
	t.Parallel()
	none := []openai.AgentToolParamUnion(nil)
	body := sent(t, openai.BetaAgentSessionUpdateParams{SpendControl: openai.BetaAgentSessionUpdateParamsSpendControl{Limit: param.Null[int64]()},
		Agent: openai.BetaAgentSessionUpdateParamsAgent{ServiceTier: param.Null[string](), Tools: &none,
			Reasoning: openai.BetaAgentSessionUpdateParamsAgentReasoning{Effort: openai.String("high")}}})
	got, err := DecodeSessionUpdate(body, OpenAI)
	want := &SessionUpdate{SpendLimit: Optional[int64]{Set: true, Null: true}, ServiceTier: Optional[string]{Set: true, Null: true},
		Tools: Optional[[]Tool]{Set: true, Null: true}, Effort: Optional[string]{Set: true, Value: "high"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%s gives %v (-want +got):\n%s", body, err, diff)
	}
}

func TestSDKEvents(t *testing.T) {
	t.Parallel()
	approval := func(response openai.AgentSessionInputParamAgentSessionInputComputerUseApprovalRequestResultResponseUnion) openai.AgentSessionInputParamUnion {
		return openai.AgentSessionInputParamUnion{OfParamAgentSessionInputComputerUseApprovalRequestResult: &openai.AgentSessionInputParamAgentSessionInputComputerUseApprovalRequestResult{
			RequestID: "r", Response: response}}
	}
	type answer = openai.AgentSessionInputParamAgentSessionInputComputerUseApprovalRequestResultResponseUnion
	cancelled := openai.NewAgentBrowserAuthenticationCancelParam()
	body := sent(t, openai.BetaAgentSessionEventNewParams{Events: []openai.AgentSessionInputParamUnion{
		{OfParamAgentSessionInputMessage: &openai.AgentSessionInputParamAgentSessionInputMessage{Input: []openai.AgentSessionInputMessageParam{
			{Content: []openai.InputContentParamUnion{{OfParamInputText: &openai.InputContentParamInputText{Text: "Hi"}}}}}}},
		{OfParamAgentSessionInputCancel: &openai.AgentSessionInputParamAgentSessionInputCancel{Type: "agent.session.input.cancel"}},
		{OfParamAgentSessionInputToolResult: &openai.AgentSessionInputParamAgentSessionInputToolResult{TurnID: "t", CallID: "c", Success: true,
			Output: openai.AgentFunctionCallOutputParamUnion{OfString: openai.String("sunny")}}},
		{OfParamAgentSessionInputToolResult: &openai.AgentSessionInputParamAgentSessionInputToolResult{TurnID: "t", CallID: "d", Error: openai.String("Tool handler failed.")}},
		approval(answer{OfBrowserOriginAccess: &openai.AgentBrowserOriginAccessParam{Decision: "deny"}}),
		approval(answer{OfBrowserAuthenticationCancel: &cancelled}),
		approval(answer{OfBrowserAuthenticationSubmit: &openai.AgentBrowserAuthenticationSubmitParam{
			Fields: []openai.AgentBrowserAuthenticationSubmitParamField{{FieldID: "f", Value: "v"}}, SelectedOption: openai.String("o")}}),
	}})
	got, err := DecodeInputEvents(body, OpenAI)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	sunny, failed, option := "sunny", "Tool handler failed.", "o"
	want := []InputEvent{
		{Type: InputMessage, Messages: []UserMessage{{Content: []InputContent{{Type: "input_text", Text: "Hi"}}}}},
		{Type: InputCancel},
		{Type: InputToolResult, Result: &ToolResult{TurnID: "t", CallID: "c", Success: true, Text: &sunny}},
		{Type: InputToolResult, Result: &ToolResult{TurnID: "t", CallID: "d", Error: &failed}},
		{Type: InputComputerApproval, Approval: &ApprovalResult{RequestID: "r", Kind: ApprovalOrigin, Decision: Deny}},
		{Type: InputComputerApproval, Approval: &ApprovalResult{RequestID: "r", Kind: ApprovalAuthentication, Decision: Cancel}},
		{Type: InputComputerApproval, Approval: &ApprovalResult{RequestID: "r", Kind: ApprovalAuthentication, Decision: Approve,
			Fields: map[string]string{"f": "v"}, SelectedOption: &option}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the events differ (-want +got):\n%s", diff)
	}
}

// TestSDKEnvironments reads what the client sends to set up environments.
func TestSDKEnvironments(t *testing.T) {
	t.Parallel()
	body := sent(t, openai.BetaAgentEnvironmentNewParams{})
	if got, err := DecodeEnvironmentCreate(body, Bedrock); err != nil || got.Environment.Type != EnvironmentHosted {
		t.Errorf("%s gives %+v, %v", body, got, err)
	}
	source := openai.InlineCapabilitySourceParam{Data: "AAEC"}
	body = sent(t, openai.BetaAgentEnvironmentTemplateUpdateParams{Name: param.Null[string](), Env: map[string]string{"A": "b"},
		Desktop: param.NullStruct[openai.BetaAgentEnvironmentTemplateUpdateParamsDesktop](),
		Plugins: []openai.HostedPluginParam{{Name: "p", Description: "d", Source: source}},
		Skills:  []openai.HostedSkillParamUnion{{OfParamInline: &openai.HostedSkillParamInline{Name: "s", Description: "e", Source: source}}}})
	got, err := DecodeTemplate(body, Bedrock)
	want := &TemplateFields{Name: Optional[string]{Set: true, Null: true}, Setup: HostedSetup{
		Env: Optional[map[string]string]{Set: true, Value: map[string]string{"A": "b"}}, Desktop: Optional[Desktop]{Set: true, Null: true},
		Plugins: Optional[[]ArchiveParam]{Set: true, Value: []ArchiveParam{{Name: "p", Description: "d", Data: []byte{0, 1, 2}}}},
		Skills:  Optional[[]SkillParam]{Set: true, Value: []SkillParam{{Type: SourceInline, Archive: &ArchiveParam{Name: "s", Description: "e", Data: []byte{0, 1, 2}}}}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%s gives %v (-want +got):\n%s", body, err, diff)
	}
}
