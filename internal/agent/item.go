package agent

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// ItemType tells items apart, by the words of OpenAI's contracts.
type ItemType string

// The types of item.
const (
	ItemMessage        ItemType = "message"
	ItemReasoning      ItemType = "reasoning"
	ItemFunctionCall   ItemType = "function_call"
	ItemFunctionOutput ItemType = "function_call_output"
	ItemServerCall     ItemType = "mcp_call"
	ItemAgentMessage   ItemType = "agent_message"
	ItemSubagentCall   ItemType = "subagent_call"
	// ItemInternalCall is a call that the runtime answers itself (a search, a
	// program); contracts without such an item leave it out.
	ItemInternalCall ItemType = "internal_call"
)

// The statuses of items.
const (
	ItemInProgress = "in_progress"
	ItemCompleted  = "completed"
	ItemIncomplete = "incomplete"
	ItemFailed     = "failed"
)

// Item is one entry of a session's conversation, as clients are shown it.
type Item struct {
	ID     string
	Type   ItemType
	Status string
	// Thread and Turn say whose it is.
	Thread, Turn string
	// Index is its place among the turn's output items; -1 for input.
	Index int
	Role  model.Role
	// Phase is "commentary" or "final_answer" for what the agent says, once it
	// is known which; empty else.
	Phase string
	// Content are a message's parts, a reasoning's thoughts, or a call's output.
	Content []model.Part
	// Call is set for items about a call.
	Call *Call
	// Raw is the output as the client wrote it.
	Raw   jsontext.Value
	Error *string
	// Sender and Recipient are agents, for messages between them.
	Sender, Recipient string
}

// Place is where a part of an answer stands: the item, counted from 0 within
// the answer, and the part within the item. Item is -1 for parts that are not
// shown.
type Place struct{ Item, Content int }

// Layout is how an answer's parts make up items.
type Layout struct {
	// Places has one entry a part.
	Places []Place
	// Count is the number of items.
	Count int
	last  model.Part
	next  int // content index
}

// Lay lays out an answer's parts.
func Lay(parts []model.Part) Layout {
	var l Layout
	for _, part := range parts {
		l.Add(part)
	}
	return l
}

// Add lays out one more part: texts and refusals that follow each other share
// a message unless they name different ones, thoughts an item of reasoning
// likewise, and each call is an item of its own.
func (l *Layout) Add(part model.Part) Place {
	place := Place{Item: -1}
	switch {
	case !shown(part):
	case l.last != nil && together(l.last, part):
		place = Place{Item: l.Count - 1, Content: l.next}
		l.next++
	default:
		place = Place{Item: l.Count}
		l.Count++
		l.next = 1
	}
	if place.Item >= 0 {
		l.last = part
	}
	l.Places = append(l.Places, place)
	return place
}

func shown(part model.Part) bool {
	switch p := part.(type) {
	case *model.Text, *model.Refusal, *model.Reasoning:
		return true
	case *model.ToolCall:
		return !p.Server
	}
	return false
}

func together(a, b model.Part) bool {
	switch a := a.(type) {
	case *model.Text:
		return messageItem(b) && itemID(b) == a.ItemID
	case *model.Refusal:
		return messageItem(b) && itemID(b) == a.ItemID
	case *model.Reasoning:
		r, ok := b.(*model.Reasoning)
		return ok && r.ID == a.ID && a.ID != ""
	}
	return false
}

func messageItem(part model.Part) bool {
	switch part.(type) {
	case *model.Text, *model.Refusal:
		return true
	}
	return false
}

func itemID(part model.Part) string {
	switch p := part.(type) {
	case *model.Text:
		return p.ItemID
	case *model.Refusal:
		return p.ItemID
	}
	return ""
}

// prefixOf is the prefix of the ids of a part's item.
func prefixOf(part model.Part) string {
	switch part.(type) {
	case *model.ToolCall:
		return "fc"
	case *model.Reasoning:
		return "rs"
	}
	return "msg"
}

// answerItems are the items of an answer to the model call at event seq, all
// with the status given; calls are looked up among those of the turn.
func answerItems(session string, seq uint64, base int, thread, turn string, parts []model.Part, status string) []*Item {
	layout := Lay(parts)
	items := make([]*Item, 0, layout.Count)
	for i, part := range parts {
		place := layout.Places[i]
		if place.Item < 0 {
			continue
		}
		if place.Item == len(items) {
			items = append(items, answerItem(session, seq, base, place.Item, thread, turn, part, status))
		}
		item := items[place.Item]
		if item.Type == ItemMessage && status == ItemCompleted {
			item.Phase = phase(part, parts)
		}
		if _, call := part.(*model.ToolCall); !call {
			item.Content = append(item.Content, part)
		}
	}
	return items
}

// phase is what a text is to its turn: the model's own word, else the last word
// unless calls go with it.
func phase(part model.Part, all []model.Part) string {
	if t, ok := part.(*model.Text); ok && t.Phase != "" {
		return t.Phase
	}
	for _, other := range all {
		if call, ok := other.(*model.ToolCall); ok && !call.Server {
			return "commentary"
		}
	}
	return "final_answer"
}

func answerItem(session string, seq uint64, base, n int, thread, turn string, part model.Part, status string) *Item {
	item := &Item{
		ID: ItemID(prefixOf(part), session, seq, n), Status: status, Thread: thread, Turn: turn, Index: base + n,
		Type: ItemMessage, Role: model.RoleAssistant,
	}
	switch p := part.(type) {
	case *model.Reasoning:
		item.Type, item.Role = ItemReasoning, ""
	case *model.ToolCall:
		item.Type, item.Role = ItemFunctionCall, ""
		item.Call = &Call{ID: p.ID, Item: item.ID, Name: p.Name, Arguments: p.Arguments, Custom: p.Custom, Kind: CallFunction, Index: base + n}
	}
	return item
}

// items are the messages of input that a turn takes up, or the outcome of a call
// that nobody waited for.
func (q *Queued) items(session, thread, turn string) []*Item {
	if late := q.Outcome; late != nil {
		item := &Item{ID: ItemID("fco", session, q.Seq, 0), Type: ItemFunctionOutput, Status: ItemCompleted, Thread: thread, Turn: turn,
			Index: -1, Raw: late.Raw, Error: late.Error, Call: &Call{ID: late.Call}}
		if late.Failed {
			item.Status = ItemFailed
		}
		return []*Item{item}
	}
	items := make([]*Item, 0, len(q.Messages))
	for i, m := range q.Messages {
		item := &Item{ID: ItemID("msg", session, q.Seq, i), Type: ItemMessage, Status: ItemCompleted, Thread: thread, Turn: turn,
			Index: -1, Role: m.Role, Content: m.Parts}
		if q.From != "" {
			item.Type, item.Sender, item.Recipient = ItemAgentMessage, q.From, thread
		}
		items = append(items, item)
	}
	return items
}

// callItem is a call as the turn knows it, in the state it is in.
func callItem(thread, turn string, call *Call, status string) *Item {
	item := &Item{ID: call.Item, Status: status, Thread: thread, Turn: turn, Index: call.Index, Call: call, Content: call.Content}
	switch call.Kind {
	case CallFunction, CallUnresolved:
		item.Type, item.Content = ItemFunctionCall, nil
	case CallServer:
		item.Type = ItemServerCall
	case CallSubagent:
		item.Type = ItemSubagentCall
	default:
		item.Type = ItemInternalCall
	}
	return item
}

// outputItem is a client's result as an item.
func outputItem(e Event, thread string, b *Result, call *Call) *Item {
	status := ItemCompleted
	if !b.Success {
		status = ItemFailed
	}
	return &Item{ID: ItemID("fco", e.Session, e.Seq, 0), Type: ItemFunctionOutput, Status: status, Thread: thread, Turn: b.Turn,
		Index: -1, Content: b.Output, Raw: b.Raw, Error: b.Error, Call: call}
}
