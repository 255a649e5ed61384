package edge

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// shownItem is an item as the contract shows it; nil for one that the contract
// has no form for.
func shownItem(s *agent.State, item *agent.Item) any {
	head := agents.ItemHead{ID: item.ID, TurnID: item.Turn, Type: string(item.Type)}
	switch item.Type {
	case agent.ItemMessage:
		return shownMessage(head, item)
	case agent.ItemReasoning:
		return agents.ReasoningItem{ItemHead: head, Summary: summaries(item.Content), Status: outStatus(item.Status)}
	case agent.ItemFunctionCall:
		return agents.FunctionCallItem{ItemHead: head, CallID: item.Call.ID, Name: item.Call.Name,
			Arguments: anyArguments(item.Call.Arguments), Status: item.Status}
	case agent.ItemFunctionOutput:
		out := agents.FunctionOutputItem{ItemHead: head, CallID: item.Call.ID, Output: item.Raw, Error: item.Error, Status: item.Status}
		if out.Output == nil {
			out.Output = jsontext.Value("null")
		}
		return out
	case agent.ItemServerCall:
		return shownServerCall(head, item)
	case agent.ItemAgentMessage:
		return agents.AgentMessageItem{ItemHead: head, Content: agentContent(item.Content),
			SenderAgentID: item.Sender, RecipientAgentID: agentID(s, item.Recipient)}
	case agent.ItemSubagentCall:
		return shownSubagentCall(s, head, item)
	}
	return nil
}

// agentID is an agent's id, which for the root is the definition's.
func agentID(s *agent.State, thread string) string {
	if thread == "" {
		return s.Settings.Definition.ID
	}
	return thread
}

// outStatus is the status of an item that cannot fail.
func outStatus(status string) string {
	if status == agent.ItemFailed {
		return agent.ItemIncomplete
	}
	return status
}

func shownMessage(head agents.ItemHead, item *agent.Item) agents.MessageItem {
	m := agents.MessageItem{ItemHead: head, Role: string(item.Role), Content: []any{}, Status: outStatus(item.Status)}
	if item.Phase != "" {
		m.Phase = &item.Phase
	}
	for _, part := range item.Content {
		switch p := part.(type) {
		case *model.Text:
			if item.Role == model.RoleUser {
				m.Content = append(m.Content, agents.InputContent{Type: agents.ContentText, Text: p.Text})
				continue
			}
			m.Content = append(m.Content, agents.OutputText{Type: "output_text", Text: p.Text})
		case *model.Refusal:
			m.Content = append(m.Content, agents.OutputText{Type: "output_text", Text: p.Text})
		case *model.Image:
			m.Content = append(m.Content, agents.InputContent{Type: agents.ContentImage, ImageURL: imageURL(p)})
		}
	}
	return m
}

func summaries(parts []model.Part) []agents.SummaryText {
	shown := []agents.SummaryText{}
	for _, part := range parts {
		if text := agent.PartText(part); text != "" {
			shown = append(shown, agents.SummaryText{Type: "summary_text", Text: text})
		}
	}
	return shown
}

func agentContent(parts []model.Part) []agents.AgentContent {
	shown := []agents.AgentContent{}
	for _, part := range parts {
		if text := agent.PartText(part); text != "" {
			shown = append(shown, agents.AgentContent{Type: "output_text", Text: text})
		}
	}
	return shown
}

func shownServerCall(head agents.ItemHead, item *agent.Item) agents.MCPCallItem {
	shown := agents.MCPCallItem{ItemHead: head, ServerLabel: item.Call.Server, Name: item.Call.Tool,
		Arguments: anyArguments(item.Call.Arguments), Output: jsontext.Value("null"), Error: jsontext.Value("null"), Status: item.Status}
	if item.Status == agent.ItemInProgress || item.Status == agent.ItemIncomplete {
		return shown
	}
	text, err := json.Marshal(model.Message{Parts: item.Content}.Text())
	if err != nil {
		return shown
	}
	if item.Status == agent.ItemFailed {
		shown.Error = text
	} else {
		shown.Output = text
	}
	return shown
}

func shownSubagentCall(s *agent.State, head agents.ItemHead, item *agent.Item) any {
	args, _ := agent.ReadSubagentArguments(item.Call.Arguments)
	head.Type = item.Call.Name + "_call"
	me := agentID(s, item.Thread)
	content := []agents.AgentContent{{Type: "output_text", Text: args.Message}}
	switch item.Call.Name {
	case agent.CreateSubagent:
		return agents.CreateSubagentItem{ItemHead: head, AgentID: openedAgent(s, item), Content: content, Model: args.Model,
			ReasoningEffort: args.Effort, Status: item.Status}
	case agent.WaitForSubagents:
		ids := args.AgentIDs
		if ids == nil {
			ids = []string{}
		}
		return agents.WaitItem{ItemHead: head, SenderAgentID: me, RecipientAgentIDs: ids, Status: item.Status}
	case agent.SendSubagentInput:
		return agents.SubagentItem{ItemHead: head, Content: content, SenderAgentID: me, RecipientAgentID: args.AgentID, Status: item.Status}
	}
	return agents.SubagentItem{ItemHead: head, SenderAgentID: me, RecipientAgentID: args.AgentID, Status: item.Status}
}

// openedAgent is the subagent that a call opened; empty before it did.
func openedAgent(s *agent.State, item *agent.Item) string {
	for _, t := range s.Threads {
		if t.Call == item.Call.Item {
			return t.ID
		}
	}
	return ""
}

// userMessages is a client's input as the runtime has it; nil for none.
func userMessages(input []agents.UserMessage) []model.Message {
	var messages []model.Message
	for _, m := range input {
		said := model.Message{Role: model.RoleUser}
		said.Parts = inputParts(m.Content)
		messages = append(messages, said)
	}
	return messages
}

func inputParts(content []agents.InputContent) []model.Part {
	var parts []model.Part
	for _, p := range content {
		if p.Type == agents.ContentImage {
			parts = append(parts, &model.Image{Source: imageSource(p.ImageURL)})
			continue
		}
		parts = append(parts, &model.Text{Text: p.Text})
	}
	return parts
}

// visible shows text with what could hide or reorder it escaped: a person
// decides by it.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// visibleArguments are arguments as JSON in which nothing is hidden.
func visibleArguments(arguments string) jsontext.Value {
	v := anyArguments(arguments)
	shown := jsontext.Value(visible(string(v)))
	if !shown.IsValid() { // white space between values was escaped
		compact := v.Clone()
		if compact.Compact() == nil {
			shown = jsontext.Value(visible(string(compact)))
		}
	}
	if !shown.IsValid() {
		return v
	}
	return shown
}
