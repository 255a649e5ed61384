package edge

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// aside describes a call of the gateway beside the request's own.
func (c *call) aside(operation string) *gateway.Call {
	return &gateway.Call{Principal: c.who, Key: c.key, Dialect: c.d.name, Operation: operation, RequestID: c.id, Tags: tags(c.key.Tags, c.r.Header)}
}

// manageContext compacts what the request continues where the client asks for
// that and it has grown long enough.
func (t *turn) manageContext() error {
	if len(t.approved) > 0 || t.manage.Compact == 0 && !t.trigger {
		return nil
	}
	if !t.trigger && t.size() < t.manage.Compact {
		return nil
	}
	head, tail := t.split()
	if len(head) == 0 {
		return nil
	}
	summary, _, err := t.c.summarise(t.req.Model, t.req.ServiceTier, head)
	if err != nil {
		return err
	}
	rest, err := encodeMessages(tail)
	if err != nil {
		return err
	}
	sealed, err := t.c.sealCompaction(t.c.r.Context(), compacted{Summary: summary, Items: rest})
	if err != nil {
		return err
	}
	t.compaction = responses.CompactionItem("cmp_"+t.show.ID[len("resp_"):]+"_c", sealed)
	t.before, t.own = agent.Summary(summary), tail
	t.join()
	return nil
}

// split takes the conversation apart: what a summary replaces, and what follows
// from the last thing the user said.
func (t *turn) split() (head, tail []model.Message) {
	all := append(append([]model.Message{}, t.before...), t.own...)
	for at := len(all) - 1; at >= 0; at-- {
		if all[at].Role == model.RoleUser && !hasResults(all[at]) {
			return all[:at], all[at:]
		}
	}
	return nil, all
}

func hasResults(m model.Message) bool {
	for _, part := range m.Parts {
		if _, ok := part.(*model.ToolResult); ok {
			return true
		}
	}
	return false
}

// size is the number of tokens of the conversation: counted where the model
// has a way to, else taken for a quarter of its bytes.
func (t *turn) size() int64 {
	counted := *t.req
	counted.Tools = nil
	if n, err := t.c.h.opts.Gateway.CountTokens(t.c.r.Context(), t.c.aside("count_tokens"), &counted); err == nil {
		return n
	}
	bytes := 0
	for _, m := range t.req.Messages {
		for _, part := range m.Parts {
			switch p := part.(type) {
			case *model.Text:
				bytes += len(p.Text)
			case *model.ToolCall:
				bytes += len(p.Arguments)
			case *model.ToolResult:
				bytes += len(contentText(p.Content))
			}
		}
	}
	return int64(bytes) / 4
}

// summarise has the model write down what matters of a conversation.
func (c *call) summarise(name, tier string, messages []model.Message) (string, model.Usage, error) {
	answer, err := c.h.opts.Gateway.Generate(c.r.Context(), c.aside("compact"), agent.SummaryRequest(name, tier, messages))
	if err != nil {
		return "", model.Usage{}, err
	}
	resp, err := model.Collect(answer.Stream)
	if err != nil {
		return "", model.Usage{}, err
	}
	if len(resp.Choices) == 0 || resp.Choices[0].Message.Text() == "" {
		return "", resp.Usage, model.Errorf(model.UpstreamGarbage, "model", "The model gave no summary of the conversation.")
	}
	return resp.Choices[0].Message.Text(), resp.Usage, nil
}

func encodeMessages(messages []model.Message) ([]jsontext.Value, error) {
	raw, _, err := responses.EncodeItems(messages)
	if err != nil {
		return nil, err
	}
	var items []jsontext.Value
	return items, json.Unmarshal(raw, &items)
}

// compactResponse serves POST /v1/responses/compact: the user's messages, and
// an item that stands for everything.
func (h *Handler) compactResponse(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	t, err := c.unstored()
	if err != nil {
		return err
	}
	all := append(append([]model.Message{}, t.before...), t.own...)
	if len(all) == 0 {
		return model.Errorf(model.Invalid, "input", "There is nothing to compact.").WithHint("Send input, or previous_response_id.")
	}
	summary, usage, err := c.summarise(t.req.Model, t.req.ServiceTier, all)
	if err != nil {
		return err
	}
	sealed, err := c.sealCompaction(c.r.Context(), compacted{Summary: summary})
	if err != nil {
		return err
	}
	said, err := userItems(t, all)
	if err != nil {
		return err
	}
	output := append(said, responses.CompactionItem("cmp_"+t.show.ID[len("resp_"):], sealed))
	raw, err := json.Marshal(output)
	if err != nil {
		return err
	}
	return c.json(responses.EncodeCompaction(t.show.ID, t.show.Created, raw, usage))
}

// userItems are what the user said, as items.
func userItems(t *turn, all []model.Message) ([]jsontext.Value, error) {
	var said []model.Message
	for _, m := range all {
		if m.Role == model.RoleUser && !hasResults(m) {
			said = append(said, m)
		}
	}
	items, err := encodeMessages(said)
	for i := range items {
		if responses.ItemID(items[i]) == "" {
			items[i] = responses.WithItemID(items[i], itemID(t.show.ID, i))
		}
	}
	return items, err
}

// unstored reads a request for which nothing is kept.
func (c *call) unstored() (*turn, error) {
	body, err := responses.Unstored(c.body)
	if err != nil {
		return nil, err
	}
	return c.newTurn(body, nil)
}

// countResponse serves POST /v1/responses/input_tokens, with the model's own
// tokenizer.
func (h *Handler) countResponse(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	t, err := c.unstored()
	if err != nil {
		return err
	}
	for i := range t.req.Tools {
		if responses.ServerSide(&t.req.Tools[i]) {
			return model.Errorf(model.Unsupported, "tools", "What tools of type '%s' add to the input is known only once the response is made.", t.req.Tools[i].Name)
		}
	}
	ctx, asked := c.gateway("count_tokens", t.req.Model)
	n, err := h.opts.Gateway.CountTokens(ctx, asked, t.req)
	if err != nil {
		return err
	}
	return c.json(responses.EncodeInputTokens(n))
}
