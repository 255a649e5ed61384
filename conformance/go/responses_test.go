package sdks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/conversations"
	"github.com/openai/openai-go/v3/packages/pagination"
	"github.com/openai/openai-go/v3/responses"
)

// responseParams is a request of one text; edit may change it.
func responseParams(prompt string, edit ...func(*responses.ResponseNewParams)) responses.ResponseNewParams {
	p := responses.ResponseNewParams{Model: chatModel, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(prompt)}}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func inBackground(p *responses.ResponseNewParams) { p.Background = openai.Bool(true) }

func TestResponses(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "openai-go Responses", openAIModule)
	s.run(t, map[string]func(*testing.T){
		"text": responsesText, "multi-turn": responsesTurns, "streaming": responsesStreaming, "background": responsesBackground,
		"resumed streams": responsesResumed, "conversations": responsesConversation, "MCP tools": responsesMCP, "compaction": responsesCompaction,
		"token counting": responsesCount, "sockets": responsesSocket,
	})
}

func responsesText(t *testing.T) {
	client := openAI(t)
	answer := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("Say hello there")))
	equal(t, "the text", answer.OutputText(), "hello there")
	kept := must[*responses.Response](t)(client.Responses.Get(t.Context(), answer.ID, responses.ResponseGetParams{}))
	equal(t, "the stored text", kept.OutputText(), "hello there")
	if err := client.Responses.Delete(t.Context(), answer.ID); err != nil {
		t.Fatal(err)
	}
	_, err := client.Responses.Get(t.Context(), answer.ID, responses.ResponseGetParams{})
	openAIError(t, err, http.StatusNotFound)
}

func responsesTurns(t *testing.T) {
	client := openAI(t)
	first := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("My name is Ada.")))
	second := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("What is my name?", func(p *responses.ResponseNewParams) {
		p.PreviousResponseID = openai.String(first.ID)
	})))
	equal(t, "the text", second.OutputText(), "Your name is Ada.")
}

// heard reads a stream to its end.
func heard(t *testing.T, stream interface {
	Next() bool
	Current() responses.ResponseStreamEventUnion
	Err() error
}) []responses.ResponseStreamEventUnion {
	t.Helper()
	var events []responses.ResponseStreamEventUnion
	for stream.Next() {
		events = append(events, stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 {
		t.Fatal("the stream has no events")
	}
	return events
}

func responsesStreaming(t *testing.T) {
	client := openAI(t)
	events := heard(t, client.Responses.NewStreaming(t.Context(), responseParams("Count to 5")))
	var text string
	for i, event := range events {
		equal(t, "the number", event.SequenceNumber, int64(i))
		if event.Type == "response.output_text.delta" {
			text += event.Delta
		}
	}
	equal(t, "the text", text, "1, 2, 3, 4, 5")
	equal(t, "the last event", events[len(events)-1].Response.OutputText(), text)
}

func responsesBackground(t *testing.T) {
	client := openAI(t)
	answer := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("Count to 5", inBackground)))
	equal(t, "the status", answer.Status, responses.ResponseStatusQueued)
	for late := time.Now().Add(30 * time.Second); answer.Status == "queued" || answer.Status == "in_progress"; {
		if time.Now().After(late) {
			t.Fatal("the response does not end")
		}
		time.Sleep(50 * time.Millisecond)
		answer = must[*responses.Response](t)(client.Responses.Get(t.Context(), answer.ID, responses.ResponseGetParams{}))
	}
	equal(t, "the text", answer.OutputText(), "1, 2, 3, 4, 5")
	slow := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("slow 400", inBackground)))
	input := must[*pagination.CursorPage[responses.ResponseItemUnion]](t)(client.Responses.InputItems.List(t.Context(), slow.ID, responses.InputItemListParams{}))
	equal(t, "the input", input.Data[0].AsMessage().Content[0].Text, "slow 400")
	stopped := must[*responses.Response](t)(client.Responses.Cancel(t.Context(), slow.ID))
	equal(t, "the status", stopped.Status, responses.ResponseStatusCancelled)
}

func responsesResumed(t *testing.T) {
	client := openAI(t)
	whole := heard(t, client.Responses.NewStreaming(t.Context(), responseParams("slow 20", inBackground)))
	id := whole[0].Response.ID
	again := heard(t, client.Responses.GetStreaming(t.Context(), id, responses.ResponseGetParams{}))
	equal(t, "the number of events", len(again), len(whole))
	rest := heard(t, client.Responses.GetStreaming(t.Context(), id, responses.ResponseGetParams{StartingAfter: openai.Int(7)}))
	for i, event := range rest {
		equal(t, "the event", event.RawJSON(), whole[8+i].RawJSON())
	}
}

func responsesConversation(t *testing.T) {
	client := openAI(t)
	conversation := must[*conversations.Conversation](t)(client.Conversations.New(t.Context(), conversations.ConversationNewParams{}))
	in := func(p *responses.ResponseNewParams) {
		p.Conversation = responses.ResponseNewParamsConversationUnion{OfString: openai.String(conversation.ID)}
	}
	must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("My name is Ada.", in)))
	answer := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams("What is my name?", in)))
	equal(t, "the text", answer.OutputText(), "Your name is Ada.")
	items := client.Conversations.Items.ListAutoPaging(t.Context(), conversation.ID, conversations.ItemListParams{Limit: openai.Int(1)})
	count := 0
	for items.Next() {
		count++
	}
	if err := items.Err(); err != nil {
		t.Fatal(err)
	}
	equal(t, "the number of items", count, 4)
	deleted := must[*conversations.ConversationDeletedResource](t)(client.Conversations.Delete(t.Context(), conversation.ID))
	equal(t, "deleted", deleted.Deleted, true)
	_, err := client.Conversations.Get(t.Context(), conversation.ID)
	openAIError(t, err, http.StatusNotFound)
}

func responsesMCP(t *testing.T) {
	client := openAI(t)
	desk := responses.ToolMcpParam{ServerLabel: "desk", ServerURL: openai.String("craton:desk"),
		RequireApproval: responses.ToolMcpRequireApprovalUnionParam{OfMcpToolApprovalSetting: openai.String("never")}}
	events := heard(t, client.Responses.NewStreaming(t.Context(), responseParams(`use desk__read_note {"name": "a"}`, func(p *responses.ResponseNewParams) {
		p.Tools = []responses.ToolUnionParam{{OfMcp: &desk}}
	})))
	final := events[len(events)-1].Response
	var kinds []string
	for _, item := range final.Output {
		kinds = append(kinds, item.Type)
	}
	equal(t, "the items", kinds, []string{"mcp_list_tools", "mcp_call", "message"})
	equal(t, "the call", final.Output[1].AsMcpCall().Output, "the note a")
	lost := must[*responses.Response](t)(client.Responses.New(t.Context(), responseParams(`use desk__lose_note {"name": "a"}`, func(p *responses.ResponseNewParams) {
		p.Tools = []responses.ToolUnionParam{{OfMcp: &desk}}
	})))
	call := lost.Output[1].AsMcpCall()
	equal(t, "the status", call.Status, "failed")
	contains(t, fmt.Sprint(call.Error.AsMcpToolCallErrorMcpToolExecutionError().Content), "the note a is lost")
}

func responsesCompaction(t *testing.T) {
	client := openAI(t)
	compacted := must[*responses.CompactedResponse](t)(client.Responses.Compact(t.Context(), responses.ResponseCompactParams{
		Model: chatModel, Input: responses.ResponseCompactParamsInputUnion{OfString: openai.String("My name is Ada.")}}))
	equal(t, "the last item", compacted.Output[len(compacted.Output)-1].Type, "compaction")
}

func responsesCount(t *testing.T) {
	client := openAI(t)
	counted := must[*responses.InputTokenCountResponse](t)(client.Responses.InputTokens.Count(t.Context(), responses.InputTokenCountParams{
		Model: openai.String(chatModel), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("one two three")}}))
	equal(t, "the tokens", counted.InputTokens, int64(3))
}

func responsesSocket(t *testing.T) {
	client := openAI(t)
	socket := must[*responses.ResponseConnection](t)(client.Responses.Connect(t.Context(), responses.ResponseConnectionOptions{}))
	defer socket.Close()
	say := func(body string) *responses.Response {
		t.Helper()
		if err := socket.SendRaw(t.Context(), json.RawMessage(body)); err != nil {
			t.Fatal(err)
		}
		return must[*responses.Response](t)(socket.FinalResponse(t.Context()))
	}
	first := say(`{"type":"response.create","model":"` + chatModel + `","input":"My name is Ada.","store":false}`)
	second := say(`{"type":"response.create","model":"` + chatModel + `","input":"What is my name?","store":false,"previous_response_id":"` + first.ID + `"}`)
	equal(t, "the text", second.OutputText(), "Your name is Ada.")
}
