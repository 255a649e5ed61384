package sdks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func sessionOnce(t *testing.T) {
	sessions, key := agentSessions(t), openai.String(newTag())
	id := idle(t, sessionParams("Say yes")).ID
	say := func(text string) error {
		return sessions.Events.New(t.Context(), id, openai.BetaAgentSessionEventNewParams{IdempotencyKey: key,
			Events: []openai.AgentSessionInputParamUnion{saying(text)}})
	}
	for range 3 {
		if err := say("Say one"); err != nil {
			t.Fatal(err)
		}
		settled(t, id, "idle")
	}
	equal(t, "what was said", outline(t, itemsOf(t, id))[2:], []string{"user: Say one", "assistant: one"})
	e := openAIError(t, say("Say two"), 409)
	equal(t, "the error", []string{e.Code, e.Response.Header.Get("x-should-retry")}, []string{"idempotency_conflict", "false"})
	params := sessionParams("Say yes")
	first := must[*openai.AgentSession](t)(sessions.New(t.Context(), params, option.WithHeader("Idempotency-Key", key.Value+"new")))
	second := must[*openai.AgentSession](t)(sessions.New(t.Context(), params, option.WithHeader("Idempotency-Key", key.Value+"new")))
	equal(t, "a session created twice", second.ID, first.ID)
}

func sessionPages(t *testing.T) {
	sessions := agentSessions(t)
	id := idle(t, sessionParams("Say zero")).ID
	for i := range 3 {
		if _, err := sessions.Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: fmt.Sprintf("Say %d", i)}).FinalResult(); err != nil {
			t.Fatal(err)
		}
	}
	var turns []openai.Turn
	pages := sessions.Turns.ListAutoPaging(t.Context(), id, openai.BetaAgentSessionTurnListParams{Limit: openai.Int(1)})
	for pages.Next() {
		turns = append(turns, pages.Current())
	}
	equal(t, "the turns", []any{len(turns), pages.Err()}, []any{4, error(nil)})
	if !slices.IsSortedFunc(turns, func(a, b openai.Turn) int { return int(b.CreatedAt - a.CreatedAt) }) {
		t.Error("the newest turn is not the first")
	}
	read := must[*openai.Turn](t)(sessions.Turns.Get(t.Context(), id, turns[0].ID))
	equal(t, "a turn read again", read.RawJSON(), turns[0].RawJSON())
	var said []openai.AgentSessionItemUnion
	items := sessions.Turns.Items.ListAutoPaging(t.Context(), id, turns[3].ID, openai.BetaAgentSessionTurnItemListParams{Limit: openai.Int(1), Order: "asc"})
	for items.Next() {
		said = append(said, items.Current())
	}
	equal(t, "the first turn's items", outline(t, said), []string{"user: Say zero", "assistant: zero"})
	equal(t, "the session's items", len(itemsOf(t, id)), 8)
	first, err := sessions.Items.List(t.Context(), id, openai.BetaAgentSessionItemListParams{})
	if err != nil || len(first.Data) != 8 || first.HasMore {
		t.Errorf("a page of everything: %v, %v", first, err)
	}
	equal(t, "the newest first", outline(t, first.Data)[0], "assistant: 2")
	_, err = sessions.Turns.Get(t.Context(), idle(t, sessionParams("Say one")).ID, turns[0].ID)
	equal(t, "another session's turn", openAIError(t, err, 404).Code, "not_found_error")
	_, err = sessions.Items.List(t.Context(), id, openai.BetaAgentSessionItemListParams{Limit: openai.Int(0)})
	equal(t, "the parameter", openAIError(t, err, 400).Param, "limit")
}

func sessionLeftovers(t *testing.T) {
	sessions := agentSessions(t)
	made := idle(t, sessionParams(`use desk__read_note {"name":"a"}`, deskTool("desk", "craton:desk")))
	artifacts, err := sessions.Artifacts.List(t.Context(), made.ID, openai.BetaAgentSessionArtifactListParams{})
	if err != nil || len(artifacts.Data) != 0 || artifacts.HasMore {
		t.Errorf("artifacts: %v, %v", artifacts, err)
	}
	_, err = sessions.Artifacts.Get(t.Context(), made.ID, "artifact_none")
	equal(t, "an artifact", openAIError(t, err, 404).Code, "not_found_error")
	_, err = sessions.Artifacts.Content(t.Context(), made.ID, "artifact_none")
	equal(t, "its content", openAIError(t, err, 404).Code, "not_found_error")
	_, err = sessions.Artifacts.Delete(t.Context(), made.ID, "artifact_none")
	equal(t, "its deletion", openAIError(t, err, 404).Code, "not_found_error")
	traces, err := sessions.Traces.List(t.Context(), made.ID, openai.BetaAgentSessionTraceListParams{})
	if err != nil || len(traces.Data) != 1 {
		t.Fatalf("traces: %v, %v", traces, err)
	}
	trace := traces.Data[0]
	turns, err := sessions.Turns.List(t.Context(), made.ID, openai.BetaAgentSessionTurnListParams{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the trace", []string{trace.ID, trace.SessionID, string(trace.Object)}, []string{turns.Data[0].ID, made.ID, "agent.session.trace"})
	raw, _ := json.Marshal(trace.Otlp)
	for _, part := range []string{`"resourceSpans"`, "execute_tool read_note", "chat script/script-chat"} {
		contains(t, string(raw), part)
	}
}

func sessionCancel(t *testing.T) {
	stream := agentSessions(t).NewStreaming(t.Context(), sessionParams("slow 2000"))
	openai.BetaAgentSessionWithResultCollection(stream)
	defer stream.Close()
	var id string
	var item openai.AgentSessionEventUnionItem
	var kinds []string
	for stream.Next() {
		event := stream.Current()
		kinds = append(kinds, event.Type)
		switch {
		case event.Type == "agent.session.created":
			id = event.Session.ID
		case event.Type == "agent.session.turn.output_text.delta" && !slices.Contains(kinds[:len(kinds)-1], event.Type):
			if err := send(t, id, cancelling()); err != nil {
				t.Fatal(err)
			}
		case event.Type == "agent.session.turn.item.done":
			item = event.Item
		}
	}
	_, err := openai.BetaAgentSessionFinalResult(stream)
	var e *openai.BetaAgentTurnResultError
	if !asError(err, &e) {
		t.Fatalf("the result: %v", err)
	}
	equal(t, "the reason", []any{e.Reason, e.Turn.Status, e.Turn.CompletedAt > 0}, []any{"turn_cancelled", openai.TurnStatusCancelled, true})
	equal(t, "the end", kinds[len(kinds)-2:], []string{"agent.session.turn.cancelled", "agent.session.idle"})
	equal(t, "the cut message", string(item.Status), "incomplete")
	items := itemsOf(t, id)
	equal(t, "the cut message, listed", []string{items[1].ID, items[1].Status}, []string{item.ID, "incomplete"})
	if err := send(t, id, cancelling()); err != nil {
		t.Errorf("cancelling nothing: %v", err)
	}
	result, err := agentSessions(t).Stream(t.Context(), id, openai.AgentSessionStreamParams{Input: "Say again"}).FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the next turn", result.OutputText(), "again")
}

func sessionSteering(t *testing.T) {
	sessions := agentSessions(t)
	stream := sessions.NewStreaming(t.Context(), sessionParams("slow 20"))
	openai.BetaAgentSessionWithResultCollection(stream)
	defer stream.Close()
	var id string
	steered := false
	for stream.Next() {
		event := stream.Current()
		switch event.Type {
		case "agent.session.created":
			id = event.Session.ID
		case "agent.session.turn.output_text.delta":
			if steered {
				continue
			}
			steered = true
			if err := send(t, id, saying("Say stop")); err != nil {
				t.Fatal(err)
			}
		}
	}
	result, err := openai.BetaAgentSessionFinalResult(stream)
	if err != nil {
		t.Fatal(err)
	}
	turns, err := sessions.Turns.List(t.Context(), id, openai.BetaAgentSessionTurnListParams{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the turns", len(turns.Data), 1)
	items := itemsOf(t, id)
	said := outline(t, items)
	equal(t, "what was said", []string{said[0], said[2], said[3]}, []string{"user: slow 20", "user: Say stop", "assistant: stop"})
	equal(t, "the steering message's turn", items[2].TurnID, result.TurnID())
	// Beside a call that waits, a message waits too, and joins the turn.
	waiting := must[*openai.AgentSession](t)(sessions.New(t.Context(), sessionParams("How is the weather in Rome?", weatherTool())))
	action := settled(t, waiting.ID, "requires_action").RequiredActions[0]
	if err := send(t, waiting.ID, saying("Say also")); err != nil {
		t.Fatal(err)
	}
	equal(t, "the status", settled(t, waiting.ID, "requires_action").RequiredActions[0].CallID, action.CallID)
	answer := openai.AgentSessionInputParamOfParamAgentSessionInputToolResult(action.CallID, true, action.TurnID)
	if err := send(t, waiting.ID, answer); err != nil {
		t.Fatal(err)
	}
	settled(t, waiting.ID, "idle")
	items = itemsOf(t, waiting.ID)
	equal(t, "what was said", outline(t, items)[:4], []string{"user: How is the weather in Rome?", "function_call", "function_call_output", "user: Say also"})
	equal(t, "the other message's turn", items[3].TurnID, action.TurnID)
}

func sessionFailure(t *testing.T) {
	stream := agentSessions(t).NewStreaming(t.Context(), sessionParams("fail 400"))
	_, err := openai.BetaAgentSessionFinalResult(stream)
	var e *openai.BetaAgentTurnResultError
	if !asError(err, &e) {
		t.Fatalf("the result: %v", err)
	}
	equal(t, "the failure", []any{e.Reason, string(e.Turn.Error.Code)}, []any{"turn_failed", "invalid_request"})
	contains(t, e.Turn.Error.Message, "asked to fail")
	again, err := agentSessions(t).Stream(t.Context(), settled(t, e.SessionID, "idle").ID, openai.AgentSessionStreamParams{Input: "Say yes"}).FinalResult()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the next turn", again.OutputText(), "yes")
}

func sessionImages(t *testing.T) {
	params := sessionParams("", weatherTool())
	image := openai.InputContentParamOfParamInputImage("data:image/png;base64," + dot)
	params.Input = openai.BetaAgentSessionNewParamsInputUnion{OfArrayOfInputMessages: []openai.AgentSessionInputMessageParam{
		{Content: []openai.InputContentParamUnion{openai.InputContentParamOfParamInputText("Look"), image}}}}
	id := idle(t, params).ID
	items := itemsOf(t, id)
	equal(t, "what was said", outline(t, items)[1], "assistant: "+seen())
	equal(t, "the image, listed", items[0].AsMessage().Content[1].ImageURL, "data:image/png;base64,"+dot)
	sessions := agentSessions(t)
	if err := send(t, id, saying(`use get_weather {"city":"Rome"}`)); err != nil {
		t.Fatal(err)
	}
	action := settled(t, id, "requires_action").RequiredActions[0]
	result := openai.AgentSessionInputParamOfParamAgentSessionInputToolResult(action.CallID, true, action.TurnID)
	result.OfParamAgentSessionInputToolResult.Output.OfArrayOfInputContents = []openai.InputContentParamUnion{openai.InputContentParamOfParamInputText("a picture"), image}
	if err := send(t, id, result); err != nil {
		t.Fatal(err)
	}
	settled(t, id, "idle")
	page, err := sessions.Items.List(t.Context(), id, openai.BetaAgentSessionItemListParams{Limit: openai.Int(2)})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, outline(t, page.Data)[0], "a picture")
	content := page.Data[1].AsFunctionCallOutput().Output.OfAgentFunctionCallOutputArray
	equal(t, "the output", []string{content[0].Text, content[1].ImageURL}, []string{"a picture", "data:image/png;base64," + dot})
}

func sessionErrors(t *testing.T) {
	sessions := agentSessions(t)
	id := idle(t, sessionParams("Say yes")).ID
	for what, ask := range map[string]func(id string) error{
		"get":    func(id string) error { _, err := sessions.Get(t.Context(), id); return err },
		"delete": func(id string) error { _, err := sessions.Delete(t.Context(), id); return err },
		"send":   func(id string) error { return send(t, id, saying("hi")) },
		"stream": func(id string) error { return sessions.Events.StreamStreaming(t.Context(), id).Err() },
		"items": func(id string) error {
			_, err := sessions.Items.List(t.Context(), id, openai.BetaAgentSessionItemListParams{})
			return err
		},
		"turns": func(id string) error {
			_, err := sessions.Turns.List(t.Context(), id, openai.BetaAgentSessionTurnListParams{})
			return err
		},
		"traces": func(id string) error {
			_, err := sessions.Traces.List(t.Context(), id, openai.BetaAgentSessionTraceListParams{})
			return err
		},
	} {
		equal(t, what, openAIError(t, ask("ses_nobody"), 404).Code, "not_found_error")
	}
	for body, where := range map[string]string{
		`{"events":{}}`: "events", `{}`: "events", `{"events":[{"type":"agent.session.input.guess"}]}`: "events[0].type",
		`{"events":[{"type":"agent.session.input.message","input":[]}]}`:                                                                           "events[0].input",
		`{"events":[{"type":"agent.session.input.message","input":[{"role":"system","content":[]}]}]}`:                                             "events[0].input[0].role",
		`{"events":[{"type":"agent.session.input.message","input":[{"role":"user","content":[{"type":"input_file"}]}]}]}`:                          "events[0].input[0].content[0].type",
		`{"events":[{"type":"agent.session.input.cancel"},{"type":"agent.session.input.tool_result","turn_id":"t","call_id":"c","success":"no"}]}`: "events[1].success",
	} {
		answer := raw(t, "POST", "/v1/agents/sessions/"+id+"/events", body, nil)
		if said := read(t, answer); answer.StatusCode != 400 || !strings.Contains(said, `"param":"`+where+`"`) {
			t.Errorf("%s: %s %s", body, answer.Status, said)
		}
	}
	after := raw(t, "GET", "/v1/agents/sessions/"+id+"/events", "", http.Header{"Last-Event-Id": {"yesterday"}})
	equal(t, "resuming after nothing that was told", after.StatusCode, 400)
	params := sessionParams("hi")
	params.Input = openai.BetaAgentSessionNewParamsInputUnion{}
	_, err := sessions.New(t.Context(), params)
	equal(t, "the parameter", openAIError(t, err, 400).Param, "input")
	params = sessionParams("hi")
	params.Agent.Model = openai.String("script/none")
	stream := sessions.NewStreaming(t.Context(), params)
	_, err = openai.BetaAgentSessionFinalResult(stream)
	if status := statusOf(err); status != 404 {
		var e *openai.BetaAgentTurnResultError
		if !asError(err, &e) || e.Turn == nil {
			t.Fatalf("an unknown model: %v", err)
		}
		equal(t, "an unknown model", string(e.Turn.Error.Code), "resource_not_found")
	}
	_, err = sessions.New(t.Context(), sessionParams("hi"), option.WithHeader("OpenAI-Beta", "assistants=v2"))
	equal(t, "without the beta's header", openAIError(t, err, 400).Code, "invalid_beta")
	_, err = agentSessions(t, option.WithAPIKey("wrong")).Get(t.Context(), id)
	equal(t, "with a wrong key", openAIError(t, err, 401).Code, "unauthorized")
	hosted := openai.EnvironmentParamOpenAIHosted{}
	params = sessionParams("hi")
	params.Environment = openai.EnvironmentParamUnion{OfParamOpenAIHosted: &hosted}
	_, err = sessions.New(t.Context(), params)
	contains(t, openAIError(t, err, 400).Message, "openai_hosted")
}

func sessionForeign(t *testing.T) {
	id := idle(t, sessionParams("Say yes")).ID
	var tenant struct{ ID string }
	decode(t, raw(t, "POST", "/admin/v1/tenants", fmt.Sprintf(`{"name":%q}`, newTag()), nil), &tenant)
	var key struct{ Token string }
	answer := raw(t, "POST", "/admin/v1/keys", fmt.Sprintf(`{"tenant":%q,"name":"stranger","roles":["administrator"]}`, tenant.ID), nil)
	decode(t, answer, &key)
	stranger := agentSessions(t, option.WithAPIKey(key.Token))
	for what, err := range map[string]error{
		"get":    func() error { _, err := stranger.Get(t.Context(), id); return err }(),
		"delete": func() error { _, err := stranger.Delete(t.Context(), id); return err }(),
		"stream": stranger.Events.StreamStreaming(t.Context(), id).Err(),
		"send": stranger.Events.New(t.Context(), id, openai.BetaAgentSessionEventNewParams{
			Events: []openai.AgentSessionInputParamUnion{saying("hi")}}),
	} {
		equal(t, what, openAIError(t, err, 404).Code, "not_found_error")
	}
	page, err := stranger.List(t.Context(), openai.BetaAgentSessionListParams{})
	if err != nil || len(page.Data) != 0 {
		t.Errorf("a stranger lists %v, %v", page, err)
	}
}

// raw sends a request without any client.
func raw(t *testing.T, method, path, body string, header http.Header) *http.Response {
	t.Helper()
	req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, serverURL(t)+path, strings.NewReader(body)))
	req.Header.Set("Authorization", "Bearer "+apiKey(t))
	req.Header.Set("OpenAI-Beta", "agents=v1")
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, header)
	answer := must[*http.Response](t)(http.DefaultClient.Do(req))
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	return string(must[[]byte](t)(io.ReadAll(answer.Body)))
}

func decode(t *testing.T, answer *http.Response, v any) {
	t.Helper()
	said := read(t, answer)
	if err := json.Unmarshal([]byte(said), v); err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %v", answer.Status, said, err)
	}
}

// sessionFrames reads streams as they come over the wire.
func sessionFrames(t *testing.T) {
	id := idle(t, sessionParams("Say yes")).ID
	// A stream is open before anything happens.
	live := raw(t, "GET", "/v1/agents/sessions/"+id+"/events?include_obfuscation=false", "", nil)
	equal(t, "the stream", []any{live.StatusCode, live.Header.Get("Content-Type")}, []any{200, "text/event-stream"})
	sent := raw(t, "POST", "/v1/agents/sessions/"+id+"/events",
		`{"events":[{"type":"agent.session.input.message","input":[{"role":"user","content":[{"type":"input_text","text":"Count to 5"}]}]}]}`, nil)
	equal(t, "the answer to input", []any{sent.StatusCode, sent.Header.Get("Content-Length"), read(t, sent)}, []any{202, "0", ""})
	seen := map[string]bool{}
	for event := range frames(t, live.Body) {
		if event["obfuscation"] != nil || event["error"] != nil {
			t.Errorf("%v has a member that it must not have", event)
		}
		if _, has := event["error"]; has {
			t.Errorf("%v has an error, which ends streams", event["type"])
		}
		id, _ := event["event_id"].(string)
		if id == "" || seen[id] {
			t.Errorf("%v has the id %q", event["type"], id)
		}
		seen[id] = true
		if event["type"] == "agent.session.idle" {
			break
		}
	}
	created := raw(t, "POST", "/v1/agents/sessions", fmt.Sprintf(`{"agent":{"model":%q},"environment":{"type":"none"},"input":"Say yes","stream":true}`, chatModel), nil)
	for event := range frames(t, created.Body) {
		if event["obfuscation"] == nil {
			t.Errorf("%v has no padding", event["type"])
		}
	}
	plain := raw(t, "POST", "/v1/agents/sessions", fmt.Sprintf(`{"agent":{"model":%q},"environment":{"type":"none"},"input":"Say yes","stream":true,
		"stream_options":{"include_obfuscation":false}}`, chatModel), nil)
	for event := range frames(t, plain.Body) {
		if event["obfuscation"] != nil {
			t.Errorf("%v has padding", event["type"])
		}
	}
}

// frames reads the events of a stream, ending when it does.
func frames(t *testing.T, body io.Reader) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 32<<20)
		for lines.Scan() {
			data, is := strings.CutPrefix(lines.Text(), "data: ")
			if !is {
				continue
			}
			var event map[string]any
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				t.Errorf("%s: %v", data, err)
			}
			if !yield(event) {
				return
			}
		}
	}
}

func sessionAlive(t *testing.T) {
	id := idle(t, sessionParams("Say yes")).ID
	live := raw(t, "GET", "/v1/agents/sessions/"+id+"/events", "", nil)
	first := make(chan string, 1)
	go func() { // ends with the stream
		line, _ := bufio.NewReader(live.Body).ReadString('\n')
		first <- line
	}()
	select {
	case line := <-first:
		if !strings.HasPrefix(line, ":") {
			t.Errorf("the first thing said is %q", line)
		}
	case <-time.After(patience):
		t.Error("the stream says nothing at all")
	}
}
