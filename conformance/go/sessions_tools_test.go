package sdks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// forecast is a handler of [weatherTool].
func forecast(_ context.Context, args map[string]any) (any, error) {
	city, _ := args["city"].(string)
	return map[string]any{"city": city, "sky": "clear"}, nil
}

func sessionTools(t *testing.T) {
	sessions := agentSessions(t)
	id := idle(t, sessionParams("Say yes", weatherTool())).ID
	stream := sessions.Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: "How is the weather in Paris and London?",
		ToolHandlers: map[string]openai.AgentToolHandler{"get_weather": forecast}}).WithResultCollection()
	defer stream.Close()
	var kinds []string
	for stream.Next() {
		kinds = append(kinds, strings.TrimPrefix(stream.Current().Type, "agent.session."))
	}
	result, err := stream.FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	for _, city := range []string{"Paris", "London"} {
		contains(t, result.OutputText(), `"city":"`+city+`"`)
	}
	equal(t, "the last event", kinds[len(kinds)-1], "idle")
	contains(t, strings.Join(kinds, " "), "turn.item.added turn.item.done turn.item.added turn.item.done requires_action")
	kind := []string{"user: How is the weather in Paris and London?", "function_call", "function_call", "function_call_output", "function_call_output"}
	equal(t, "the items", outline(t, itemsOf(t, id))[2:7], kind)
	call, output := itemsOf(t, id)[3].AsFunctionCall(), itemsOf(t, id)[5].AsFunctionCallOutput()
	equal(t, "the call", []any{call.Name, call.Arguments.(map[string]any)["city"], string(call.Status)}, []any{"get_weather", "Paris", "completed"})
	equal(t, "the output", []any{output.CallID, output.Output.OfString, string(output.Status)}, []any{call.CallID, `{"city":"Paris","sky":"clear"}`, "completed"})
	created := sessions.NewStreaming(t.Context(), func() openai.BetaAgentSessionNewParams {
		params := sessionParams(`first get_weather {"city":"Oslo"} then get_weather {"city":"Bern"}`, weatherTool())
		params.ToolHandlers = map[string]openai.AgentToolHandler{"get_weather": forecast}
		return params
	}())
	two, err := openai.BetaAgentSessionFinalResult(created)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the answer after two steps", two.OutputText(), `The tools answered: {"city":"Bern","sky":"clear"}`)
	equal(t, "a remark on the way", outline(t, itemsOf(t, two.SessionID()))[1], "assistant: First things first.")
}

func sessionToolFails(t *testing.T) {
	id := idle(t, sessionParams("Say yes", weatherTool())).ID
	var failed []openai.BetaAgentToolError
	result, err := agentSessions(t).Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: "How is the weather in Paris?",
		OnToolError: func(_ context.Context, e openai.BetaAgentToolError) { failed = append(failed, e) },
		ToolHandlers: map[string]openai.AgentToolHandler{"get_weather": func(context.Context, map[string]any) (any, error) {
			return nil, errors.New("no weather today")
		}}}).FinalResult()
	if err != nil || len(failed) != 1 {
		t.Fatalf("%d handlers failed, %v", len(failed), err)
	}
	contains(t, result.OutputText(), "Tool handler failed.")
	output := itemsOf(t, id)[4].AsFunctionCallOutput()
	equal(t, "the output", []any{output.Error, string(output.Status), output.JSON.Output.Valid()}, []any{"Tool handler failed.", "failed", false})
}

func sessionByHand(t *testing.T) {
	sessions := agentSessions(t)
	id := idle(t, sessionParams("Say yes", weatherTool())).ID
	stream := sessions.Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: "How is the weather in Paris?",
		ToolHandlers: map[string]openai.AgentToolHandler{"another": forecast}}).WithResultCollection()
	defer stream.Close()
	for stream.Next() {
		event := stream.Current()
		if event.Type != "agent.session.requires_action" {
			continue
		}
		action := event.Session.RequiredActions[0].AsFunctionCall()
		equal(t, "the action", []any{action.Name, action.Arguments.(map[string]any)["city"]}, []any{"get_weather", "Paris"})
		turn := must[*openai.Turn](t)(sessions.Turns.Get(t.Context(), id, action.TurnID))
		equal(t, "the turn's status", turn.Status, openai.TurnStatusWaiting)
		result := openai.AgentSessionInputParamOfParamAgentSessionInputToolResult(action.CallID, true, action.TurnID)
		result.OfParamAgentSessionInputToolResult.Output.OfString = openai.String("rain")
		for range 2 { // the same result again is no mistake
			if err := send(t, id, result); err != nil {
				t.Fatal(err)
			}
		}
		result.OfParamAgentSessionInputToolResult.Output.OfString = openai.String("snow")
		equal(t, "another result", openAIError(t, send(t, id, result), 409).Code, "conflict_error")
	}
	result, err := stream.FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the answer", result.OutputText(), "The tools answered: rain")
	// A result that the turn does not wait for any more is unknown.
	late := openai.AgentSessionInputParamOfParamAgentSessionInputToolResult("call_late", true, result.TurnID())
	e := openAIError(t, send(t, id, late), 400)
	equal(t, "the error", []string{e.Message, e.Code}, []string{"Unknown pending tool call: call_late", "invalid_request_error"})
}

// deskTool is the tools of the stage's server.
func deskTool(label, url string, allowed ...string) openai.AgentToolParamUnion {
	tool := openai.AgentToolParamOfParamMcp(label, openai.McpTransportParamHTTP{ServerURL: url})
	tool.OfParamMcp.AllowedTools = allowed
	return tool
}

// decide answers a request for approval, which this client's types lack.
func decide(t *testing.T, id, request, decision string) error {
	t.Helper()
	client := openAI(t)
	return client.Post(t.Context(), "agents/sessions/"+id+"/events", map[string]any{"events": []any{map[string]any{
		"type": "agent.session.input.mcp_approval_request_result", "request_id": request,
		"response": map[string]any{"type": "mcp_tool_call", "decision": decision},
	}}}, nil, option.WithHeader("OpenAI-Beta", "agents=v1"), option.WithHeader("Accept", "*/*"))
}

func sessionApproval(t *testing.T) {
	made := idle(t, sessionParams(`use desk__read_note {"name":"a"}`, deskTool("desk", "craton:desk")))
	items := itemsOf(t, made.ID)
	equal(t, "the items", outline(t, items), []string{`user: use desk__read_note {"name":"a"}`, "mcp_call", "assistant: The tools answered: the note a"})
	call := items[1].AsMcpCall()
	equal(t, "the call", []any{call.ServerLabel, call.Name, call.Output, call.JSON.Error.Valid(), string(call.Status)}, []any{"desk", "read_note", "the note a", false, "completed"})
	for decision, want := range map[string]string{"approve": "wrote b", "deny": "", "cancel": ""} {
		if err := send(t, made.ID, saying(`use desk__write_note {"name":"b"}`)); err != nil {
			t.Fatal(err)
		}
		waiting := settled(t, made.ID, "requires_action")
		var action struct {
			Type, Turn_id, Request_id string
			Request                   struct {
				Type, Server_label, Name, Message string
				Arguments                         map[string]string
			}
		}
		if err := json.Unmarshal([]byte(waiting.RequiredActions[0].RawJSON()), &action); err != nil {
			t.Fatal(err)
		}
		equal(t, "the action", []string{action.Type, action.Request.Type, action.Request.Server_label, action.Request.Name, action.Request.Arguments["name"]},
			[]string{"mcp_approval_request", "mcp_tool_call", "desk", "write_note", "b"})
		equal(t, "an unknown request", openAIError(t, decide(t, made.ID, "none", decision), 400).Code, "invalid_request_error")
		if err := decide(t, made.ID, action.Request_id, decision); err != nil {
			t.Fatal(err)
		}
		settled(t, made.ID, "idle")
		items := itemsOf(t, made.ID)
		done := items[len(items)-2].AsMcpCall()
		if want == "" {
			equal(t, decision, []any{string(done.Status), done.JSON.Error.Valid(), done.JSON.Output.Valid()}, []any{"failed", true, false})
		} else {
			equal(t, decision, []any{string(done.Status), done.Output}, []any{"completed", any(want)})
		}
	}
	sessions := agentSessions(t)
	result, err := sessions.Stream(t.Context(), made.ID, openai.AgentSessionStreamParams{Input: `use desk__lose_note {"name":"c"}`}).FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	contains(t, result.OutputText(), "the note c is lost")
	if _, err := sessions.Update(t.Context(), made.ID, openai.BetaAgentSessionUpdateParams{Review: openai.BetaAgentSessionUpdateParamsReviewAutoReview}); err != nil {
		t.Fatal(err)
	}
	if _, err = sessions.Stream(t.Context(), made.ID, openai.AgentSessionStreamParams{Input: `use desk__write_note {"name":"d"}`}).FinalResult(); err != nil {
		t.Fatalf("a reviewed session asked a person: %v", err)
	}
}

func sessionBuiltin(t *testing.T) {
	made := idle(t, sessionParams(`use sums__calculator {"expression":"6*7"}`, deskTool("sums", "craton:builtin", "calculator")))
	items := itemsOf(t, made.ID)
	equal(t, "the items", outline(t, items)[1:], []string{"mcp_call", "assistant: The tools answered: 42"})
	params := sessionParams("Say yes", deskTool("gone", "craton:gone"))
	params.Agent.Tools[0].OfParamMcp.Required = openai.Bool(true)
	_, err := agentSessions(t).New(t.Context(), params)
	equal(t, "a server that is required and is not there", openAIError(t, err, http.StatusFailedDependency).Code, "mcp_server_startup_failed")
}

func sessionSubagents(t *testing.T) {
	sessions := agentSessions(t)
	params := sessionParams(`use create_subagent {"message":"Say hello","name":"Scout","instructions":"Be brief."}`)
	params.Agent.MultiAgent = openai.MultiAgentConfigParam{Enabled: true}
	stream := sessions.NewStreaming(t.Context(), params)
	openai.BetaAgentSessionWithResultCollection(stream)
	var opened openai.Subagent
	kinds := map[string]int{}
	for stream.Next() {
		event := stream.Current()
		kinds[event.Type]++
		if event.Type == "agent.session.subagent.created" {
			opened = event.Subagent
		}
	}
	result, err := openai.BetaAgentSessionFinalResult(stream)
	if err != nil {
		t.Fatal(err)
	}
	id := result.SessionID()
	equal(t, "the root turn", result.Turn.JSON.SubagentID.Raw(), "null")
	equal(t, "the turns that were told", []int{kinds["agent.session.turn.created"], kinds["agent.session.turn.completed"]}, []int{2, 2})
	read := must[*openai.Subagent](t)(sessions.Subagents.Get(t.Context(), id, opened.ID))
	equal(t, "the subagent", []any{read.Name, string(read.Status), read.SessionID, read.ParentAgentID, read.JSON.ClosedAt.Raw()},
		[]any{"Scout", "active", id, settled(t, id, "idle").Agent.ID, "null"})
	equal(t, "the subagent's task", read.Instructions[0].Text, "Say hello")
	pages := sessions.Subagents.ListAutoPaging(t.Context(), id, openai.BetaAgentSessionSubagentListParams{Limit: openai.Int(1)})
	for pages.Next() {
		equal(t, "the listed subagent", pages.Current().ID, opened.ID)
	}
	listed, err := sessions.Subagents.Turns.List(t.Context(), id, opened.ID, openai.BetaAgentSessionSubagentTurnListParams{})
	if err != nil {
		t.Fatal(err)
	}
	turns := listed.Data
	equal(t, "the subagent's turns", []any{len(turns), turns[0].SubagentID, string(turns[0].Status)}, []any{1, opened.ID, "completed"})
	turn := must[*openai.Turn](t)(sessions.Subagents.Turns.Get(t.Context(), id, opened.ID, turns[0].ID))
	equal(t, "the subagent's turn", turn.ID, turns[0].ID)
	var said []openai.AgentSessionItemUnion
	items := sessions.Subagents.Items.ListAutoPaging(t.Context(), id, opened.ID, openai.BetaAgentSessionSubagentItemListParams{Order: "asc", Limit: openai.Int(1)})
	for items.Next() {
		said = append(said, items.Current())
	}
	equal(t, "the subagent's items", outline(t, said), []string{"agent_message", "assistant: hello"})
	page, err := sessions.Subagents.Turns.Items.List(t.Context(), id, opened.ID, turn.ID, openai.BetaAgentSessionSubagentTurnItemListParams{})
	if err != nil || len(page.Data) != 2 {
		t.Errorf("the items of the subagent's turn: %v, %v", page, err)
	}
	_, err = sessions.Turns.Get(t.Context(), id, turn.ID)
	equal(t, "a subagent's turn is no root turn", openAIError(t, err, 404).Code, "not_found_error")
	_, err = sessions.Subagents.Get(t.Context(), id, "nobody")
	equal(t, "nobody", openAIError(t, err, 404).Code, "not_found_error")
	for _, step := range []struct{ input, item string }{
		{`use send_subagent_input {"agent_id":"ID","message":"Say more"}`, "send_subagent_input_call"},
		{`use wait_for_subagents {"agent_ids":["ID"]}`, "wait_for_subagents_call"}, {`use interrupt_subagent {"agent_id":"ID"}`, "interrupt_subagent_call"},
		{`use close_subagent {"agent_id":"ID"}`, "close_subagent_call"}, {`use resume_subagent {"agent_id":"ID"}`, "resume_subagent_call"},
	} {
		next, err := sessions.Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: strings.ReplaceAll(step.input, "ID", opened.ID)}).FinalResult()
		if err != nil {
			t.Fatalf("%s: %v", step.item, err)
		}
		items, err := sessions.Turns.Items.List(t.Context(), id, next.TurnID(), openai.BetaAgentSessionTurnItemListParams{Order: "asc"})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the call", outline(t, items.Data)[1], step.item)
		equal(t, step.item, items.Data[1].Status, "completed")
	}
}
