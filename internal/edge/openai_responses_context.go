package edge

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// history is what came before a request's own input, as models are told it.
type history struct {
	c        *call
	messages []model.Message
	// decided are the client's answers to approval requests, by request; own
	// are those that this request brings. called are requests whose call was
	// made since.
	decided map[string]decided
	own     map[string]bool
	called  map[string]bool
	// approved are calls that this request decides, in order.
	approved []agent.Approved
	// listed are the servers whose tools the client was told.
	listed []string
	// trigger says that the client asks for a compaction, cut that one takes the
	// place of what was before.
	trigger, cut bool
}

// decided is an mcp_approval_response.
type decided struct {
	approve bool
	reason  string
}

// expand takes what the server itself said of its tools, and compacted
// contexts, out of before and own, and puts in what models understand.
func (c *call) expand(before, own []model.Message) (*history, []model.Message, error) {
	p := &history{c: c, decided: map[string]decided{}, own: map[string]bool{}, called: map[string]bool{}}
	p.survey(before, false)
	p.survey(own, true)
	if err := p.add(before); err != nil {
		return nil, nil, err
	}
	earlier := p.messages
	p.messages, p.cut = nil, false
	if err := p.add(own); err != nil {
		return nil, nil, err
	}
	own = p.messages
	if p.messages = earlier; p.cut {
		p.messages = nil
	}
	for id := range p.own {
		if p.called[id] {
			return nil, nil, approvedBefore(nil)
		}
		return nil, nil, model.Errorf(model.Invalid, "input", "There is no approval request with id '%s' to answer.", truncate(id, 80)).
			WithHint("Continue the response that holds it with previous_response_id, or send the request with its answer.")
	}
	return p, own, nil
}

// answered refuses results of calls that nobody made, which a model would be
// confused by. What a compaction took the place of is not known any more. Most
// requests bring no results, and cost one look at what they bring.
func answered(before, own []model.Message) error {
	open := map[string]bool{}
	eachPart(own, func(part model.Part) {
		if r, ok := part.(*model.ToolResult); ok && !r.Server {
			open[r.CallID] = true
		}
	})
	if len(open) == 0 {
		return nil
	}
	compacted := false
	seen := func(part model.Part) {
		switch p := part.(type) {
		case *model.ToolCall:
			delete(open, p.ID)
		case *model.Opaque:
			raw := itemOf(part)
			compacted = compacted || raw != nil && responses.ItemType(raw) == "compaction"
		}
	}
	eachPart(before, seen)
	eachPart(own, seen)
	if compacted || len(open) == 0 {
		return nil
	}
	id := slices.Min(slices.Collect(maps.Keys(open)))
	return model.Errorf(model.Invalid, "input", "There is no function call with call_id '%s' for this output.", truncate(id, 80)).
		WithHint("Send the call's item before its output, or continue the response that made the call with previous_response_id.")
}

func eachPart(messages []model.Message, f func(model.Part)) {
	for i := range messages {
		for _, part := range messages[i].Parts {
			f(part)
		}
	}
}

// survey notes decisions and the calls that followed from them.
func (p *history) survey(messages []model.Message, own bool) {
	for _, m := range messages {
		for _, part := range m.Parts {
			raw := itemOf(part)
			switch {
			case raw == nil:
			case responses.ItemType(raw) == "mcp_approval_response":
				id := gjson.GetBytes(raw, "approval_request_id").String()
				p.decided[id] = decided{gjson.GetBytes(raw, "approve").Bool(), gjson.GetBytes(raw, "reason").String()}
				p.own[id] = own
				if !own {
					delete(p.own, id)
				}
			case responses.ItemType(raw) == "mcp_call":
				id := gjson.GetBytes(raw, "approval_request_id").String()
				if p.called[id] = true; own {
					delete(p.own, id) // the client tells the whole story
				}
			}
		}
	}
}

// itemOf is an item of this contract that the hub does not model, or nil.
func itemOf(part model.Part) []byte {
	if o, ok := part.(*model.Opaque); ok && o.Dialect == model.DialectOpenAIResponses {
		return o.Raw
	}
	return nil
}

func (p *history) add(messages []model.Message) error {
	for i := range messages {
		m := &messages[i]
		if !slices.ContainsFunc(m.Parts, func(part model.Part) bool { return itemOf(part) != nil }) {
			p.messages = append(p.messages, *m)
			continue
		}
		plain := *m
		plain.Parts = nil
		flush := func() {
			if len(plain.Parts) > 0 {
				p.messages = append(p.messages, plain)
				plain.Parts = nil
			}
		}
		for _, part := range m.Parts {
			raw := itemOf(part)
			ours := false
			if raw != nil {
				var err error
				if ours, err = p.item(raw, &plain, flush); err != nil {
					return err
				}
			}
			if !ours {
				plain.Parts = append(plain.Parts, part)
			}
		}
		flush()
	}
	return nil
}

// item takes an item of the server's own; ours is false for others.
func (p *history) item(raw []byte, plain *model.Message, flush func()) (ours bool, err error) {
	get := func(name string) string { return gjson.GetBytes(raw, name).String() }
	switch responses.ItemType(raw) {
	case "compaction":
		summary, ours, err := p.c.openCompaction(get("encrypted_content"))
		if err == nil && ours {
			plain.Parts = nil
			p.messages, p.cut = summary, true
		}
		return ours, err
	case "compaction_trigger":
		p.trigger = true
	case "mcp_list_tools":
		p.listed = append(p.listed, get("server_label"))
	case "mcp_call":
		flush()
		content, failed := get("output"), false
		if e := gjson.GetBytes(raw, "error"); e.Exists() && e.Type != gjson.Null {
			content, failed = failureText(e), true
		}
		p.call(get("id"), agent.Exposed(get("server_label"), get("name")), get("arguments"), content, failed)
	case "mcp_approval_request":
		p.request(raw, plain)
	case "mcp_approval_response":
	case "file_search_call", "tool_search_call", "tool_search_output", "program", "program_output":
		return p.c.h.opts.Sessions != nil, nil
	default:
		return false, nil
	}
	return true, nil
}

// call adds a call that was made, with its outcome.
func (p *history) call(id, name, arguments, output string, failed bool) {
	p.messages = append(p.messages,
		model.Message{Role: model.RoleAssistant, Parts: []model.Part{&model.ToolCall{ID: id, Name: name, Arguments: arguments}}},
		model.Message{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: id, Error: failed, Content: []model.Part{&model.Text{Text: output}}}}})
}

// request takes a request for approval: it is made now if this request approves
// it, and was not made if nobody did.
func (p *history) request(raw []byte, plain *model.Message) {
	get := func(name string) string { return gjson.GetBytes(raw, name).String() }
	id := get("id")
	answer, known := p.decided[id]
	if p.called[id] {
		return
	}
	if p.own[id] {
		delete(p.own, id)
		request, binding := splitRequest(id)
		item := "mcp_" + strings.TrimPrefix(request, "mcpr_")
		p.approved = append(p.approved, agent.Approved{Request: id, Item: item, CallID: "call_" + item, Server: get("server_label"),
			Name: get("name"), Arguments: get("arguments"), Binding: binding, Approve: answer.approve, Reason: answer.reason})
		plain.Parts = append(plain.Parts, &model.ToolCall{ID: "call_" + item, Name: agent.Exposed(get("server_label"), get("name")), Arguments: get("arguments")})
		return
	}
	words := "Nobody approved the call, and it was not made."
	if known && answer.reason != "" {
		words = "The call was denied: " + answer.reason
	}
	if len(plain.Parts) > 0 {
		p.messages = append(p.messages, *plain)
		plain.Parts = nil
	}
	p.call("call_"+id, agent.Exposed(get("server_label"), get("name")), get("arguments"), words, true)
}

// The id of an approval request tells what a yes covers, so that a client that
// keeps the conversation itself can give one, too.
func joinRequest(request, binding string) string { return request + "_" + binding }

func splitRequest(id string) (request, binding string) {
	if i := strings.LastIndexByte(id, '_'); i >= 0 {
		return id[:i], id[i+1:]
	}
	return id, ""
}

// compacted is what a compaction item holds.
type compacted struct {
	Summary string `json:"summary"`
	// Items follow the summary.
	Items []jsontext.Value `json:"items,omitzero"`
}

// What compaction items are sealed for, and how their contents begin.
const (
	compactionPurpose = "responses"
	compactionSubject = "compaction"
	compactionMark    = "craton:"
)

// sealCompaction writes the content of a compaction item.
func (c *call) sealCompaction(ctx context.Context, what compacted) (string, error) {
	if c.h.opts.Box == nil {
		return "", model.Errorf(model.Unsupported, "context_management", "This server keeps no keys to seal a compacted context with.")
	}
	plain, err := json.Marshal(what)
	if err != nil {
		return "", err
	}
	sealed, err := c.h.opts.Box.Seal(ctx, c.who.Tenant.ID, compactionPurpose, compactionSubject, plain)
	return compactionMark + base64.RawURLEncoding.EncodeToString(sealed), err
}

// openCompaction reads the content of a compaction item; ours is false for one
// of another vendor's.
func (c *call) openCompaction(text string) (messages []model.Message, ours bool, err error) {
	rest, ours := strings.CutPrefix(text, compactionMark)
	if !ours || c.h.opts.Box == nil {
		return nil, false, nil
	}
	invalid := model.Errorf(model.Invalid, "input", "A compaction item's encrypted_content is not what this server gave you.").
		WithHint("Send compaction items back as they were received.")
	sealed, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil {
		return nil, true, invalid
	}
	plain, err := c.h.opts.Box.Open(c.r.Context(), c.who.Tenant.ID, compactionPurpose, compactionSubject, sealed)
	if err != nil {
		return nil, true, invalid
	}
	var what compacted
	if err := json.Unmarshal(plain, &what); err != nil {
		return nil, true, model.Wrap(model.Internal, "edge.openCompaction", err)
	}
	messages = agent.Summary(what.Summary)
	tail, err := decodeItems(what.Items)
	return append(messages, tail...), true, err
}

// decodeItems reads stored items.
func decodeItems(items []jsontext.Value) ([]model.Message, error) { return continueItems(nil, items) }

// continueItems reads stored items that follow on those that before is about.
func continueItems(before []model.Message, items []jsontext.Value) ([]model.Message, error) {
	if len(items) == 0 {
		return before, nil
	}
	raw, err := json.Marshal(items)
	if err != nil {
		return nil, model.Wrap(model.Internal, "edge.decodeItems", err)
	}
	messages, err := responses.ContinueItems(before, raw)
	if err != nil {
		return nil, model.Wrap(model.Internal, "edge.decodeItems", err)
	}
	return messages, nil
}
