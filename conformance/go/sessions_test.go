package sdks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
)

func TestAgentSessions(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "openai-go, sessions", openAIModule)
	s.run(t, map[string]func(*testing.T){
		"a session is created, runs and is read": sessionLife, "creation streams the first turn": sessionCreation,
		"typed output": sessionTyped, "the stream helper runs tools": sessionTools, "a handler fails": sessionToolFails,
		"a call is answered by hand": sessionByHand, "sessions are listed by metadata, agent and page": sessionLists,
		"a session is changed, null and nothing differ": sessionUpdates, "a session is deleted, but not while it works": sessionDeletion,
		"an idempotency key counts once": sessionOnce, "a stream resumes after a restart": sessionResumes,
		"items and turns are listed page by page": sessionPages, "subagents": sessionSubagents,
		"artifacts and traces": sessionLeftovers, "a turn is cancelled": sessionCancel, "a message steers a turn": sessionSteering,
		"a turn fails, the session goes on": sessionFailure, "images of a message and of a result": sessionImages,
		"a tool server's calls and their approval": sessionApproval, "the server's own tools": sessionBuiltin,
		"a saved agent, overridden": sessionSaved, "a spending limit": sessionSpend, "a machine of one's own": sessionOwnMachine,
		"errors": sessionErrors, "another tenant sees nothing": sessionForeign, "event streams to the letter": sessionFrames,
		"a quiet stream stays alive": sessionAlive, "Bedrock's subset, signed": sessionSigned, "Bedrock's errors": sessionSignedErrors,
	})
}

// patience is how long a session may take to do what it does at once on an idle
// machine.
const patience = 60 * time.Second

func agentSessions(t *testing.T, opts ...option.RequestOption) *openai.BetaAgentSessionService {
	t.Helper()
	client := openAI(t, opts...)
	return &client.Beta.Agents.Sessions
}

func sessionParams(input string, tools ...openai.AgentToolParamUnion) openai.BetaAgentSessionNewParams {
	none := openai.NewEnvironmentParamNone()
	p := openai.BetaAgentSessionNewParams{Environment: openai.EnvironmentParamUnion{OfParamNone: &none},
		Agent: openai.BetaAgentSessionNewParamsAgent{Model: openai.String(chatModel), Tools: tools}}
	p.Input.OfString = openai.String(input)
	return p
}

// weatherTool is a function that the test carries out.
func weatherTool() openai.AgentToolParamUnion {
	return openai.AgentToolParamOfParamFunction("Tells the weather.", "get_weather", weather())
}

// idle creates a session and waits until its first turn has ended.
func idle(t *testing.T, params openai.BetaAgentSessionNewParams) *openai.AgentSession {
	t.Helper()
	made := must[*openai.AgentSession](t)(agentSessions(t).New(t.Context(), params))
	return settled(t, made.ID, "idle")
}

// settled asks for a session until it has a status.
func settled(t *testing.T, id string, status openai.AgentSessionStatus) *openai.AgentSession {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		s := must[*openai.AgentSession](t)(agentSessions(t).Get(t.Context(), id))
		if s.Status == status {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the session is %s, not %s: %s", s.Status, status, s.RawJSON())
		}
	}
}

func send(t *testing.T, id string, events ...openai.AgentSessionInputParamUnion) error {
	t.Helper()
	return agentSessions(t).Events.New(t.Context(), id, openai.BetaAgentSessionEventNewParams{Events: events})
}

func saying(text string) openai.AgentSessionInputParamUnion {
	return openai.AgentSessionInputParamOfParamAgentSessionInputMessage([]openai.AgentSessionInputMessageParam{
		{Content: []openai.InputContentParamUnion{openai.InputContentParamOfParamInputText(text)}}})
}

func cancelling() openai.AgentSessionInputParamUnion {
	cancel := openai.NewAgentSessionInputParamAgentSessionInputCancel()
	return openai.AgentSessionInputParamUnion{OfParamAgentSessionInputCancel: &cancel}
}

// itemsOf lists what was said and done in a session, in order.
func itemsOf(t *testing.T, id string) (items []openai.AgentSessionItemUnion) {
	t.Helper()
	pages := agentSessions(t).Items.ListAutoPaging(t.Context(), id, openai.BetaAgentSessionItemListParams{Order: "asc", Limit: openai.Int(3)})
	for pages.Next() {
		items = append(items, pages.Current())
	}
	if pages.Err() != nil {
		t.Fatal(pages.Err())
	}
	return items
}

// outline is a session's items in short: the type, and the text of messages.
func outline(t *testing.T, items []openai.AgentSessionItemUnion) (all []string) {
	t.Helper()
	for _, item := range items {
		if item.AsAny() == nil {
			t.Errorf("the client does not know %s", item.RawJSON())
		}
		text := item.Type
		if item.Type == "message" {
			text = string(item.Role)
			for _, part := range item.AsMessage().Content {
				text += ": " + part.Text
			}
		}
		all = append(all, text)
	}
	return all
}

func sessionLife(t *testing.T) {
	params := sessionParams("Say hello")
	params.Agent.Instructions = openai.String("Be kind.")
	params.Metadata = map[string]string{"team": "a"}
	sessions := agentSessions(t)
	made := must[*openai.AgentSession](t)(sessions.New(t.Context(), params))
	equal(t, "the object", string(made.Object), "agent.session")
	equal(t, "the agent", []any{made.Agent.Model, made.Agent.Instructions, made.Agent.JSON.Name.Valid(), made.Agent.ID != ""}, []any{chatModel, "Be kind.", false, true})
	equal(t, "the rest", []any{made.Metadata["team"], made.Environment.Type, made.JSON.Error.Valid(), made.JSON.SpendControl.Valid()}, []any{"a", "none", false, false})
	read := settled(t, made.ID, "idle")
	equal(t, "the usage", []int64{read.Usage.InputTokens, read.Usage.OutputTokens, read.Usage.TotalTokens}, []int64{4, 1, 5})
	equal(t, "what was said", outline(t, itemsOf(t, made.ID)), []string{"user: Say hello", "assistant: hello"})
	if err := send(t, made.ID, saying("my name is Ada")); err != nil {
		t.Fatal(err)
	}
	settled(t, made.ID, "idle")
	if err := send(t, made.ID, saying("what is my name?")); err != nil {
		t.Fatal(err)
	}
	settled(t, made.ID, "idle")
	said := outline(t, itemsOf(t, made.ID))
	equal(t, "what was remembered", said[len(said)-1], "assistant: Your name is Ada.")
}

func sessionCreation(t *testing.T) {
	stream := agentSessions(t).NewStreaming(t.Context(), sessionParams("Count to 5"))
	defer stream.Close()
	openai.BetaAgentSessionWithResultCollection(stream)
	var kinds, deltas []string
	ids := map[string]bool{}
	for stream.Next() {
		event := stream.Current()
		if ids[event.EventID] || event.EventID == "" || event.AsAny() == nil {
			t.Errorf("an event has no id of its own, or no known type: %s", event.RawJSON())
		}
		ids[event.EventID] = true
		if event.Type == "agent.session.turn.output_text.delta" {
			deltas = append(deltas, event.Delta)
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != event.Type {
			kinds = append(kinds, strings.TrimPrefix(event.Type, "agent.session."))
		}
	}
	counted(t, deltas)
	equal(t, "the events", slices.Compact(kinds), []string{"created", "in_progress", "turn.created", "turn.item.added", "turn.in_progress",
		"turn.item.added", "turn.content_part.added", "turn.output_text.delta", "turn.output_text.done", "turn.content_part.done",
		"turn.item.done", "turn.completed", "idle"})
	result, err := openai.BetaAgentSessionFinalResult(stream)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the answer", result.OutputText(), "1, 2, 3, 4, 5")
	equal(t, "the turn", []any{result.Turn.Status, result.Turn.Usage.OutputTokens, result.Turn.SessionID == result.SessionID()}, []any{openai.TurnStatusCompleted, int64(5), true})
	equal(t, "the phase", result.Messages[0].Phase, openai.AgentSessionMessagePhaseFinalAnswer)
}

func sessionTyped(t *testing.T) {
	type somebody struct {
		Name string
		Age  int
	}
	output := must[*openai.BetaAgentOutput[somebody]](t)(openai.NewBetaAgentOutput(person(), func(raw []byte) (v somebody, err error) {
		return v, json.Unmarshal(raw, &v)
	}))
	params := sessionParams("A person, name: Ada, 36 years old")
	params.Agent.Text.Format = output.Format()
	parsed, err := output.FinalResult(agentSessions(t).NewStreaming(t.Context(), params))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the output", parsed.OutputParsed, somebody{"Ada", 36})
	equal(t, "the format", settled(t, parsed.SessionID(), "idle").Agent.Text.Format.Type, "json_schema")
}

func sessionLists(t *testing.T) {
	sessions, tag := agentSessions(t), newTag()
	client := openAI(t)
	agent := must[*openai.Agent](t)(client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel}))
	var made []string
	for i := range 4 {
		params := sessionParams("Say yes")
		params.Metadata = map[string]string{"case": tag, "a key [1]": "é", "empty": ""}
		if i == 0 {
			params.AgentID, params.Agent = openai.String(agent.ID), openai.BetaAgentSessionNewParamsAgent{}
		}
		made = append(made, must[*openai.AgentSession](t)(sessions.New(t.Context(), params)).ID)
	}
	list := func(params openai.BetaAgentSessionListParams) (ids []string) {
		t.Helper()
		pages := sessions.ListAutoPaging(t.Context(), params)
		for pages.Next() {
			ids = append(ids, pages.Current().ID)
		}
		if pages.Err() != nil {
			t.Error(pages.Err())
		}
		return ids
	}
	want := map[string]string{"case": tag, "a key [1]": "é", "empty": ""}
	equal(t, "the oldest first", list(openai.BetaAgentSessionListParams{Metadata: &want, Limit: openai.Int(1), Order: "asc"}), made)
	slices.Reverse(made)
	equal(t, "the newest first", list(openai.BetaAgentSessionListParams{Metadata: &want, Limit: openai.Int(3)}), made)
	equal(t, "an agent's", list(openai.BetaAgentSessionListParams{AgentID: openai.String(agent.ID)}), made[3:])
	equal(t, "what all pairs match", list(openai.BetaAgentSessionListParams{Metadata: &map[string]string{"case": tag, "empty": "no"}}), nil)
	_, err := sessions.List(t.Context(), openai.BetaAgentSessionListParams{Limit: openai.Int(101)})
	equal(t, "the parameter", openAIError(t, err, 400).Param, "limit")
}

func sessionUpdates(t *testing.T) {
	params := sessionParams("Say one", weatherTool())
	params.Metadata = map[string]string{"a": "b"}
	id, sessions := idle(t, params).ID, agentSessions(t)
	update := func(params openai.BetaAgentSessionUpdateParams) *openai.AgentSession {
		t.Helper()
		return must[*openai.AgentSession](t)(sessions.Update(t.Context(), id, params))
	}
	same := update(openai.BetaAgentSessionUpdateParams{})
	equal(t, "what nothing changes", []any{same.Metadata["a"], len(same.Agent.Tools), same.Agent.Model}, []any{"b", 1, chatModel})
	changed := update(openai.BetaAgentSessionUpdateParams{Metadata: map[string]string{"c": "d"}, Review: openai.BetaAgentSessionUpdateParamsReviewAutoReview,
		Agent: openai.BetaAgentSessionUpdateParamsAgent{Model: openai.String("house-chat"), ServiceTier: openai.String("flex"), Tools: &[]openai.AgentToolParamUnion{},
			Reasoning: openai.BetaAgentSessionUpdateParamsAgentReasoning{Effort: openai.String("low")}}})
	equal(t, "the metadata", changed.Metadata, map[string]string{"c": "d"})
	equal(t, "the agent", []any{changed.Agent.Model, string(changed.Agent.ServiceTier), len(changed.Agent.Tools), string(changed.Agent.Reasoning.Effort), string(changed.Review)},
		[]any{"house-chat", "flex", 0, "low", "auto_review"})
	cleared := must[*openai.AgentSession](t)(sessions.Update(t.Context(), id, openai.BetaAgentSessionUpdateParams{
		Agent: openai.BetaAgentSessionUpdateParamsAgent{ServiceTier: param.Null[string](), Reasoning: openai.BetaAgentSessionUpdateParamsAgentReasoning{Effort: param.Null[string]()}}},
		option.WithJSONSet("metadata", nil)))
	equal(t, "what null clears", []any{len(cleared.Metadata), string(cleared.Agent.ServiceTier), cleared.Agent.Reasoning.JSON.Effort.Valid()}, []any{0, "auto", false})
	result, err := sessions.Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: "How is the weather in Rome?"}).FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the answer without tools", result.OutputText(), "You said: How is the weather in Rome?")
	_, err = sessions.Update(t.Context(), id, openai.BetaAgentSessionUpdateParams{Agent: openai.BetaAgentSessionUpdateParamsAgent{Model: openai.String("")}})
	equal(t, "the parameter", openAIError(t, err, 400).Param, "agent.model")
}

func sessionSpend(t *testing.T) {
	params := sessionParams("Say one")
	params.SpendControl.Limit = openai.Int(250)
	made := idle(t, params)
	equal(t, "the limit", []any{made.SpendControl.Limit, made.SpendControl.JSON.Consumed.Valid(), made.SpendControl.Consumed}, []any{int64(250), true, int64(0)})
	sessions := agentSessions(t)
	for what, params := range map[string]openai.BetaAgentSessionUpdateParams{
		"null":         {SpendControl: param.NullStruct[openai.BetaAgentSessionUpdateParamsSpendControl]()},
		"a null limit": {SpendControl: openai.BetaAgentSessionUpdateParamsSpendControl{Limit: param.Null[int64]()}},
	} {
		set := must[*openai.AgentSession](t)(sessions.Update(t.Context(), made.ID, openai.BetaAgentSessionUpdateParams{
			SpendControl: openai.BetaAgentSessionUpdateParamsSpendControl{Limit: openai.Int(7)}}))
		equal(t, "a new limit", set.SpendControl.Limit, int64(7))
		kept := must[*openai.AgentSession](t)(sessions.Update(t.Context(), made.ID, openai.BetaAgentSessionUpdateParams{}))
		equal(t, "a kept limit", kept.SpendControl.Limit, int64(7))
		cleared := must[*openai.AgentSession](t)(sessions.Update(t.Context(), made.ID, params))
		equal(t, what, cleared.JSON.SpendControl.Valid(), false)
	}
	_, err := sessions.Update(t.Context(), made.ID, openai.BetaAgentSessionUpdateParams{SpendControl: openai.BetaAgentSessionUpdateParamsSpendControl{Limit: openai.Int(0)}})
	equal(t, "the parameter", openAIError(t, err, 400).Param, "spend_control.limit")
}

func sessionDeletion(t *testing.T) {
	asked := 0
	sessions := agentSessions(t, option.WithMaxRetries(2), option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			asked++
		}
		return next(r)
	}))
	made := must[*openai.AgentSession](t)(sessions.New(t.Context(), sessionParams("How is the weather in Rome?", weatherTool())))
	settled(t, made.ID, "requires_action")
	_, err := sessions.Delete(t.Context(), made.ID)
	e := openAIError(t, err, 409)
	equal(t, "the error", []string{e.Code, e.Response.Header.Get("x-should-retry")}, []string{"conflict_error", "false"})
	equal(t, "how often the client asks", asked, 1)
	if err := send(t, made.ID, cancelling()); err != nil {
		t.Fatal(err)
	}
	settled(t, made.ID, "idle")
	gone := must[*openai.AgentSessionDeleted](t)(sessions.Delete(t.Context(), made.ID))
	equal(t, "the deletion", []any{gone.ID, gone.Deleted, string(gone.Object)}, []any{made.ID, true, "agent.session.deleted"})
	_, err = sessions.Get(t.Context(), made.ID)
	equal(t, "the code", openAIError(t, err, 404).Code, "not_found_error")
	_, err = sessions.Items.List(t.Context(), made.ID, openai.BetaAgentSessionItemListParams{})
	equal(t, "its items", openAIError(t, err, 404).Code, "not_found_error")
}

func sessionSaved(t *testing.T) {
	client := openAI(t)
	agent := must[*openai.Agent](t)(client.Beta.Agents.New(t.Context(), openai.BetaAgentNewParams{Model: chatModel, Name: openai.String("Helper"),
		Instructions: openai.String("Be kind."), Tools: []openai.PersistedAgentToolParamUnion{{OfParamFunction: &openai.PersistedAgentToolParamFunction{
			Name: "get_weather", Description: "Tells the weather.", Parameters: weather()}}}}))
	params := sessionParams("Say yes")
	params.AgentID, params.Agent = openai.String(agent.ID), openai.BetaAgentSessionNewParamsAgent{Instructions: openai.String("Be brief.")}
	made := idle(t, params)
	equal(t, "the agent", []any{made.Agent.ID, made.Agent.Name, made.Agent.Instructions, len(made.Agent.Tools)}, []any{agent.ID, "Helper", "Be brief.", 1})
	params.AgentID = openai.String(idle(t, sessionParams("Say yes")).Agent.ID)
	_, err := client.Beta.Agents.Sessions.New(t.Context(), params)
	equal(t, "the code of a session's own agent", openAIError(t, err, 400).Code, "agent_not_persisted")
	params.AgentID = openai.String("agent_nobody")
	_, err = client.Beta.Agents.Sessions.New(t.Context(), params)
	equal(t, "the code of nobody", openAIError(t, err, 404).Code, "not_found_error")
}

func sessionOwnMachine(t *testing.T) {
	params := sessionParams("Say yes")
	params.Environment = openai.EnvironmentParamOfParamSelfHosted("/srv/work")
	made := must[*openai.AgentSession](t)(agentSessions(t).New(t.Context(), params))
	equal(t, "the environment", []any{made.Environment.Type, made.Environment.WorkspaceDirectory}, []any{"self_hosted", "/srv/work"})
	waiting := settled(t, made.ID, "requires_action")
	action := waiting.RequiredActions[0]
	equal(t, "the action", []string{action.Type, action.EnvironmentID}, []string{"environment_connection", made.Environment.ID})
	if err := send(t, made.ID, cancelling()); err != nil {
		t.Fatal(err)
	}
	settled(t, made.ID, "idle")
	params.Input = openai.BetaAgentSessionNewParamsInputUnion{}
	quiet := must[*openai.AgentSession](t)(agentSessions(t).New(t.Context(), params))
	equal(t, "the status without input", fmt.Sprint(quiet.Status), "idle")
}
