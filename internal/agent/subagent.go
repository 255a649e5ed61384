package agent

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/model"
)

// The names of the tools by which the root agent runs subagents.
const (
	CreateSubagent    = "create_subagent"
	SendSubagentInput = "send_subagent_input"
	WaitForSubagents  = "wait_for_subagents"
	InterruptSubagent = "interrupt_subagent"
	ResumeSubagent    = "resume_subagent"
	CloseSubagent     = "close_subagent"
)

const oneAgent = `{"type":"object","properties":{"agent_id":{"type":"string"}},"required":["agent_id"],"additionalProperties":false}`

// subagentTools are offered where the definition enables subagents.
var subagentTools = []model.Tool{
	{Name: CreateSubagent, Description: "Starts a subagent that works on a task of its own beside you, and returns its id. Wait for it to learn its answer.",
		Schema: []byte(`{"type":"object","properties":{"message":{"type":"string","description":"The task, with everything the subagent must know."},` +
			`"name":{"type":"string"},"instructions":{"type":"string"},"model":{"type":"string"},` +
			`"reasoning_effort":{"type":"string"}},"required":["message"],"additionalProperties":false}`)},
	{Name: SendSubagentInput, Description: "Sends more input to a subagent.",
		Schema: []byte(`{"type":"object","properties":{"agent_id":{"type":"string"},"message":{"type":"string"}},"required":["agent_id","message"],"additionalProperties":false}`)},
	{Name: WaitForSubagents, Description: "Waits until the subagents have finished and returns their last answers.",
		Schema: []byte(`{"type":"object","properties":{"agent_ids":{"type":"array","items":{"type":"string"}}},"required":["agent_ids"],"additionalProperties":false}`)},
	{Name: InterruptSubagent, Description: "Stops what a subagent is doing.", Schema: []byte(oneAgent)},
	{Name: ResumeSubagent, Description: "Opens a closed subagent again.", Schema: []byte(oneAgent)},
	{Name: CloseSubagent, Description: "Closes a subagent that is not needed any more.", Schema: []byte(oneAgent)},
}

// SubagentArguments are what the subagent tools take; each reads its own.
type SubagentArguments struct {
	AgentID      string   `json:"agent_id"`
	AgentIDs     []string `json:"agent_ids"`
	Message      string   `json:"message"`
	Name         *string  `json:"name"`
	Instructions *string  `json:"instructions"`
	Model        *string  `json:"model"`
	Effort       *string  `json:"reasoning_effort"`
}

// ReadSubagentArguments reads what a subagent tool was called with; ok is
// false where it cannot be read.
func ReadSubagentArguments(arguments string) (args SubagentArguments, ok bool) {
	return args, json.Unmarshal([]byte(arguments), &args) == nil
}

// subagentCall carries out a call of a subagent tool, or waits.
func (s *State) subagentCall(t *Thread, call *Call) Body {
	args, ok := ReadSubagentArguments(call.Arguments)
	if !ok {
		return settle(call, true, "The arguments are not the JSON object that the tool takes.")
	}
	switch call.Name {
	case CreateSubagent:
		return s.create(t, call, args)
	case WaitForSubagents:
		return s.wait(call, args.AgentIDs)
	}
	sub := s.Thread(args.AgentID)
	if sub == nil || sub.ID == "" {
		return settle(call, true, "There is no subagent "+strconv.Quote(args.AgentID)+".")
	}
	switch call.Name {
	case SendSubagentInput:
		if !sub.ClosedAt.IsZero() {
			return settle(call, true, "The subagent is closed: resume it first.")
		}
		return &SubagentInput{Call: call.ID, Thread: sub.ID, Messages: []model.Message{model.UserText(args.Message)}}
	case InterruptSubagent:
		return &SubagentClosed{Call: call.ID, Thread: sub.ID, Interrupt: true}
	case ResumeSubagent:
		return &SubagentResumed{Call: call.ID, Thread: sub.ID}
	}
	return &SubagentClosed{Call: call.ID, Thread: sub.ID}
}

func (s *State) create(t *Thread, call *Call, args SubagentArguments) Body {
	limit := t.Turn.Definition.MultiAgent.MaxConcurrent
	if limit <= 0 {
		limit = DefaultSubagents
	}
	var open int64
	for _, sub := range s.Threads[1:] {
		if sub.ClosedAt.IsZero() && sub.working() {
			open++
		}
	}
	if open >= limit {
		return settle(call, true, "There are already "+strconv.FormatInt(open, 10)+" subagents at work, the most there may be: wait for one.")
	}
	return &SubagentOpened{Call: call.ID, Name: args.Name, Instructions: args.Instructions, Model: args.Model,
		Effort: args.Effort, Messages: []model.Message{model.UserText(args.Message)}}
}

// wait is nil while one of the subagents works.
func (s *State) wait(call *Call, ids []string) Body {
	type answer struct {
		AgentID string `json:"agent_id"`
		Status  string `json:"status"`
		Answer  string `json:"answer"`
	}
	answers := make([]answer, 0, len(ids))
	for _, id := range ids {
		sub := s.Thread(id)
		if sub == nil || id == "" {
			return settle(call, true, "There is no subagent "+strconv.Quote(id)+".")
		}
		if sub.working() {
			return nil
		}
		answers = append(answers, answer{id, string(sub.Ended), sub.answer()})
	}
	raw, err := json.Marshal(answers)
	if err != nil {
		return settle(call, true, "The answers cannot be written.")
	}
	return &CallSettled{Call: call.ID, Content: []model.Part{&model.Text{Text: string(raw)}}}
}

// working reports whether the agent has something to do.
func (t *Thread) working() bool { return !t.Turn.Over() || len(t.Queue) > 0 && t.ClosedAt.IsZero() }

// answer is the text of the last message of the agent, or why its turn failed.
func (t *Thread) answer() string {
	if t.Turn != nil && t.Turn.Status == TurnFailed {
		return t.Turn.Message
	}
	for _, m := range slices.Backward(t.Context) {
		if m.Role == model.RoleAssistant {
			return m.Text()
		}
	}
	return ""
}

func (s *State) subagentsBusy() bool {
	return slices.ContainsFunc(s.Threads[1:], (*Thread).working)
}

// reports tells the root agent what subagents came to that it did not wait for.
func (s *State) reports() []Body {
	var next []Body
	for _, sub := range s.Threads[1:] {
		if sub.working() || sub.Reported || sub.Turn == nil {
			continue
		}
		next = append(next, &Message{From: sub.ID, Messages: []model.Message{
			model.UserText("Subagent " + sub.ID + " has finished (" + string(sub.Ended) + "): " + sub.answer()),
		}})
	}
	return next
}

func (s *State) opened(e Event, b *SubagentOpened) error {
	t, call := s.Call(b.Call)
	if call == nil {
		return misfit(e, "call %q is not open", b.Call)
	}
	sub := &Thread{
		ID: SubagentID(e.Session, e.Seq), Call: call.Item, Parent: s.Settings.Definition.ID, Name: b.Name, Instructions: b.Instructions,
		Model: b.Model, Effort: b.Effort, OpenedAt: e.At, Task: task(b.Messages), Queue: []Queued{{Seq: e.Seq, From: s.Settings.Definition.ID, Messages: b.Messages}},
	}
	s.Threads = append(s.Threads, sub)
	call.close(t, []model.Part{&model.Text{Text: `{"agent_id":"` + sub.ID + `"}`}}, false)
	return nil
}

// task is what messages say, as text.
func task(messages []model.Message) string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, m.Text())
	}
	return strings.Join(texts, "\n")
}

func (s *State) subagentInput(e Event, b *SubagentInput) error {
	t, call := s.Call(b.Call)
	sub := s.Thread(b.Thread)
	if call == nil || sub == nil {
		return misfit(e, "call %q or agent %q is not open", b.Call, b.Thread)
	}
	sub.Queue = append(sub.Queue, Queued{Seq: e.Seq, From: s.Settings.Definition.ID, Messages: b.Messages})
	call.close(t, []model.Part{&model.Text{Text: "Sent."}}, false)
	return nil
}

func (s *State) closed(e Event, b *SubagentClosed) error {
	sub := s.Thread(b.Thread)
	if sub == nil {
		return misfit(e, "there is no agent %q", b.Thread)
	}
	s.cancelThread(sub)
	if !b.Interrupt {
		sub.ClosedAt = e.At
		sub.Reported = true
	}
	if t, call := s.Call(b.Call); call != nil {
		call.close(t, []model.Part{&model.Text{Text: "Done."}}, false)
	}
	return nil
}

func (s *State) resumed(e Event, b *SubagentResumed) error {
	sub := s.Thread(b.Thread)
	t, call := s.Call(b.Call)
	if sub == nil || call == nil {
		return misfit(e, "call %q or agent %q is not open", b.Call, b.Thread)
	}
	sub.ClosedAt = time.Time{}
	call.close(t, []model.Part{&model.Text{Text: "Open again."}}, false)
	return nil
}

// cancelThread ends the agent's turn and drops what it has not taken up.
func (s *State) cancelThread(t *Thread) {
	t.Queue = nil
	if t.Turn.Over() {
		return
	}
	t.Turn.Cancel = true
	for _, run := range s.Runs {
		if run.Turn == t.Turn.ID {
			run.Stop = true
		}
	}
}
