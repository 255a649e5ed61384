package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// runContract is what a session that makes a response keeps of the request.
type runContract struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	// Request is the request without its input and secrets.
	Request jsontext.Value   `json:"request"`
	Input   []jsontext.Value `json:"input"`
	// Stored says that the response is kept.
	Stored bool `json:"stored,omitzero"`
	// Node is the instance whose client reads the response as it is made.
	Node string `json:"node,omitzero"`
	// Listed are servers whose tools the client knows.
	Listed []string `json:"listed,omitzero"`
	// Compaction is the item that begins the output, if any.
	Compaction jsontext.Value `json:"compaction,omitzero"`
	// Sealed says that secrets are kept under the response's id.
	Sealed bool `json:"sealed,omitzero"`
}

// readRun reads what a session keeps; it is nil for one that makes no
// response.
func readRun(state *agent.State) (*runContract, *responses.ResponseOptions, error) {
	if state.Settings.Mode != agent.Returning {
		return nil, nil, nil
	}
	k := &runContract{}
	if err := json.Unmarshal(state.Contract(), k); err != nil {
		return nil, nil, model.Wrap(model.Internal, "edge.readRun", err)
	}
	req, opts, err := responses.DecodeRequest(k.Request, nil)
	if err != nil {
		return nil, nil, model.Wrap(model.Internal, "edge.readRun", err)
	}
	opts.Store = &k.Stored
	return k, &responses.ResponseOptions{ID: k.ID, Created: k.Created, Model: req.Model, Request: req, Options: opts}, nil
}

// narrator tells what happens in a session as the events of a response. What it
// writes depends on what it is told alone, so that every reader is given the
// same numbers.
type narrator struct {
	k    *runContract
	opts *responses.Options
	enc  *responses.Encoder
	done bool
	// run is the model call whose items were told last.
	run uint64
	// ids are the contract's for the items that the session names otherwise.
	ids map[string]string
}

// newNarrator begins a narration: dst is given the first events.
func newNarrator(dst []byte, k *runContract, show responses.ResponseOptions) (*narrator, []byte) {
	n := &narrator{k: k, opts: show.Options, enc: responses.NewEncoder(show), ids: map[string]string{}}
	dst = n.enc.Start(dst)
	return n, appendCompaction(dst, n.enc, k.Compaction)
}

// appendCompaction tells of a compaction item, if there is one.
func appendCompaction(dst []byte, enc *responses.Encoder, item []byte) []byte {
	if item == nil {
		return dst
	}
	id := responses.ItemID(item)
	dst = enc.AddItem(dst, responses.BlankCompaction(id))
	dst = enc.Progress(dst, id, "compacting")
	return enc.FinishItem(dst, item)
}

// tell appends the events of one signal. state is the session as it was then.
func (n *narrator) tell(dst []byte, signal agent.Signal, state *agent.State) []byte {
	if n.done || signal.Thread != "" {
		return dst
	}
	item := n.named(signal.Item, state)
	switch signal.Kind {
	case agent.SignalListed:
		return n.listed(dst, signal.Server, state)
	case agent.SignalItemAdded:
		return n.added(dst, item, state)
	case agent.SignalArguments:
		return n.enc.AddArguments(dst, item.ID, signal.Text)
	case agent.SignalPartAdded:
		return n.enc.AddPart(dst, item.ID, signal.Content, signal.Part)
	case agent.SignalDelta:
		return n.enc.AddText(dst, item.ID, signal.Content, signal.Text)
	case agent.SignalTextDone:
		return n.enc.FinishPart(dst, item.ID, signal.Content, signal.Part)
	case agent.SignalItemDone:
		return n.finished(dst, item)
	case agent.SignalAsked:
		return n.asked(dst, item)
	case agent.SignalTurnEnded:
		n.done = true
		return n.enc.Close(dst, ended(signal.At))
	}
	return dst
}

// named is the item under the contract's own id: to the session a call of a
// server's tool is a call like any other until somebody carries it out.
func (n *narrator) named(item *agent.Item, state *agent.State) *agent.Item {
	if item == nil || item.Call == nil {
		return item
	}
	offer := offerOf(state, item.Call.Name)
	if item.Type == agent.ItemServerCall || offer != nil && offer.Kind == agent.CallServer {
		call := *item.Call
		if item.Type != agent.ItemServerCall {
			call.Server, call.Tool = offer.Server.Label, offer.Spec.Name
		}
		kind := "mcp_call"
		if isFileSearch(&call) {
			kind = "file_search_call"
		}
		_, rest, _ := strings.Cut(item.ID, "_")
		n.ids[item.ID] = responses.ItemPrefix(kind) + "_" + rest
	}
	id, renamed := n.ids[item.ID]
	if !renamed {
		return item
	}
	known := *item
	known.ID = id
	return &known
}

// ended is how a turn ended, in the contract's words.
func ended(turn *agent.Turn) responses.Ended {
	how := responses.Ended{Stop: turn.Stop, At: turn.EndedAt.Unix()}
	if u := turn.Spent.Usage; u.Total() > 0 {
		how.Usage = &u
	}
	switch turn.Status {
	case agent.TurnCancelled:
		how.Status = "cancelled"
	case agent.TurnFailed:
		how.Status = "failed"
		kind := model.UpstreamDown
		switch turn.Code {
		case "rate_limit_exceeded", "usage_limit_exceeded", "server_overloaded":
			kind = model.RateLimited
		case "context_length_exceeded", "invalid_request", "resource_not_found":
			kind = model.Invalid
		}
		how.Error = &model.Error{Kind: kind, Message: turn.Message}
	}
	return how
}

// listed tells what an MCP server offers, unless the client knows.
func (n *narrator) listed(dst []byte, label string, state *agent.State) []byte {
	listing := state.Listing(label)
	server := serverOf(state, label)
	if listing == nil || server == nil || strings.HasPrefix(server.URL, fileSearchURL) || slices.Contains(n.k.Listed, label) {
		return dst
	}
	id := "mcpl_" + strings.TrimPrefix(n.k.ID, "resp_") + "_" + label
	item := mcpList{Type: "mcp_list_tools", ID: id, ServerLabel: label, Tools: []mcpTool{}}
	dst = n.enc.AddItem(dst, encode(item))
	dst = n.enc.Progress(dst, id, "in_progress")
	if listing.Error != "" {
		item.Error = &listing.Error
		return n.enc.FinishItem(n.enc.Progress(dst, id, "failed"), encode(item))
	}
	for i := range listing.Tools {
		spec := &listing.Tools[i]
		if server.Allowed != nil && !slices.Contains(server.Allowed, spec.Name) {
			continue
		}
		schema := spec.Parameters
		if schema == nil {
			schema = jsontext.Value(`{"type":"object"}`)
		}
		item.Tools = append(item.Tools, mcpTool{Name: spec.Name, Description: spec.Description, InputSchema: schema, Annotations: orNull(spec.Annotations)})
	}
	return n.enc.FinishItem(n.enc.Progress(dst, id, "completed"), encode(item))
}

func serverOf(state *agent.State, label string) *agent.Server {
	for _, one := range state.Settings.Definition.Tools {
		if one.Server != nil && one.Server.Label == label {
			return one.Server
		}
	}
	return nil
}

// added tells of an item that begins.
func (n *narrator) added(dst []byte, item *agent.Item, state *agent.State) []byte {
	if item.Index < 0 {
		return dst // input
	}
	dst = n.leave(dst, item)
	if n.enc.Has(item.ID) {
		if item.Type == agent.ItemServerCall {
			dst = n.enc.FinishArguments(dst, item.ID, item.Call.Arguments)
		}
		return dst
	}
	switch item.Type {
	case agent.ItemMessage:
		return n.enc.AddMessage(dst, item.ID)
	case agent.ItemReasoning:
		return n.enc.AddReasoning(dst, item.ID)
	case agent.ItemFunctionCall, agent.ItemServerCall:
		return n.begin(dst, item, state)
	}
	return dst
}

// leave closes what an earlier call of the model left open: half a call that
// counts for nothing.
func (n *narrator) leave(dst []byte, item *agent.Item) []byte {
	_, seq, _, ok := agent.Origin(item.ID)
	if !ok || seq == n.run {
		return dst
	}
	n.run = seq
	for _, id := range n.enc.Open() {
		dst = n.enc.Abandon(dst, id)
	}
	return dst
}

// begin tells of a call, as what it will turn out to be: who carries it out is
// known by its name.
func (n *narrator) begin(dst []byte, item *agent.Item, state *agent.State) []byte {
	offer := offerOf(state, item.Call.Name)
	switch {
	case offer == nil:
		return dst // nobody carries it out: the model is told
	case offer.Kind == agent.CallFunction:
		custom := offer.Function.Custom
		return n.enc.AddCall(dst, item.ID, &model.ToolCall{ID: item.Call.ID, Name: item.Call.Name, Custom: custom})
	case offer.Kind != agent.CallServer || offer.Asks():
		return dst // told when its outcome is known, or as a request
	}
	call := *item.Call
	call.Server, call.Tool = offer.Server.Label, offer.Spec.Name
	complete := item.Type == agent.ItemServerCall
	if isFileSearch(&call) {
		if !complete {
			return dst // its queries are not known yet
		}
		dst = n.enc.AddItem(dst, n.fileSearch(item.ID, &call, "in_progress"))
		dst = n.enc.Progress(dst, item.ID, "in_progress")
		return n.enc.Progress(dst, item.ID, "searching")
	}
	arguments := call.Arguments
	call.Arguments = ""
	dst = n.enc.AddItem(dst, encode(n.mcpCall(item.ID, &call, "in_progress")))
	dst = n.enc.Progress(dst, item.ID, "in_progress")
	if complete {
		dst = n.enc.FinishArguments(dst, item.ID, arguments)
	}
	return dst
}

func offerOf(state *agent.State, name string) *agent.Offer {
	offers := state.Offers(state.Root())
	i := slices.IndexFunc(offers, func(o agent.Offer) bool { return o.Name == name && name != "" })
	if i < 0 {
		return nil
	}
	return &offers[i]
}

func isFileSearch(call *agent.Call) bool {
	return call.Server == fileSearchLabel && call.Tool == fileSearchLabel
}

// finished tells that an item is whole.
func (n *narrator) finished(dst []byte, item *agent.Item) []byte {
	switch item.Type {
	case agent.ItemMessage:
		return n.enc.FinishMessage(dst, item.ID, item.Phase, item.Status)
	case agent.ItemReasoning:
		return n.enc.FinishReasoning(dst, item.ID, item.Status, item.Content)
	case agent.ItemFunctionCall:
		dst = n.enc.FinishArguments(dst, item.ID, item.Call.Arguments)
		return n.enc.FinishCall(dst, item.ID, item.Status)
	case agent.ItemServerCall:
		return n.serverCall(dst, item)
	case agent.ItemInternalCall:
		return n.internalCall(dst, item)
	}
	return dst
}

// serverCall tells what a call of a server's tool came to.
func (n *narrator) serverCall(dst []byte, item *agent.Item) []byte {
	id, state := item.ID, "completed"
	if item.Status != agent.ItemCompleted {
		state = "failed"
	}
	if isFileSearch(item.Call) {
		if !n.enc.Has(id) {
			return dst
		}
		if state == "completed" {
			dst = n.enc.Progress(dst, id, state)
		}
		return n.enc.FinishItem(dst, n.fileSearch(id, item.Call, item.Status))
	}
	whole := n.mcpCall(id, item.Call, item.Status)
	if !n.enc.Has(id) {
		begun := *item.Call
		begun.Arguments, begun.Content = "", nil
		dst = n.enc.AddItem(dst, encode(n.mcpCall(id, &begun, "in_progress")))
		dst = n.enc.Progress(dst, id, "in_progress")
	}
	dst = n.enc.FinishArguments(dst, id, item.Call.Arguments)
	return n.enc.FinishItem(n.enc.Progress(dst, id, state), encode(whole))
}

// asked tells of a call that waits for a yes.
func (n *narrator) asked(dst []byte, item *agent.Item) []byte {
	call := item.Call
	dst = n.enc.Abandon(dst, item.ID) // told as a call before the operator's rules were tightened
	return n.enc.FinishItem(dst, encode(mcpApproval{Type: "mcp_approval_request", ID: joinRequest(call.Request, call.Binding),
		ServerLabel: call.Server, Name: call.Tool, Arguments: call.Arguments}))
}

// encode writes an item.
func encode(item any) []byte {
	raw, err := json.Marshal(item)
	if err != nil {
		return []byte("{}") // a schema that is no JSON, which listings do not have
	}
	return raw
}

func orNull(v jsontext.Value) jsontext.Value {
	if v == nil {
		return jsontext.Value("null")
	}
	return v
}

// short names something long.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}
