package agent_test

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// TestTakeoverCounts: what an owner that died had asked counts, as far as the
// intent tells it, against the session's limit.
func TestTakeoverCounts(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{}, strings.Repeat("word ", 400))
	r := p.run(agent.RunModel)
	if r.Input != 500 {
		t.Fatalf("the intent counts %d tokens, want 500", r.Input)
	}
	orphans := p.p.State.Orphans(p.now)
	cut := orphans[0].(*agent.ModelInterrupted)
	cut.Cost = 7
	p.record(orphans...)
	for name, spent := range map[string]agent.Spending{"session": p.p.State.Spent, "turn": p.p.State.Root().Turn.Spent} {
		if spent.Usage.Input != 500 || !spent.Usage.Estimated || spent.Cost != 7 {
			t.Errorf("the %s has spent %+v", name, spent)
		}
	}
	// The next request is what the last one was, and what came since.
	p.answer(&model.ToolCall{ID: "c1", Name: "none", Arguments: "{}"})
	if again := p.run(agent.RunModel); again.Input <= 15 || again.Input > 40 {
		t.Errorf("after an answer of 15 tokens in all the next intent counts %d", again.Input)
	}
}

// TestStoppedSummaryIsBegunAnew: a summary whose owner died was not refused,
// and what it used counts.
func TestStoppedSummaryIsBegunAnew(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	var past []model.Message
	for range 5 {
		past = append(past, model.UserText("more"), model.AssistantText("and more"))
	}
	p.record(&agent.Created{Definition: agent.Definition{ID: "agent_x", Model: "m", Sampling: agent.Sampling{CompactAt: 1}}, Mode: agent.Parking, Context: past},
		&agent.Message{Messages: []model.Message{model.UserText("go on")}})
	p.answer(&model.Text{Text: "done"})
	first, before := p.run(agent.RunCompact), p.p.State.Spent.Usage.Total()
	p.record(p.p.State.Orphans(p.now)...)
	if again := p.run(agent.RunCompact); again.Seq == first.Seq || p.p.State.Spent.Usage.Total() != before+first.Input || first.Input == 0 {
		t.Errorf("summary %d follows %d; %d tokens were spent, then %d", again.Seq, first.Seq, before, p.p.State.Spent.Usage.Total())
	}
}

// TestOlderForms: while a node lives that reads version 1 only, nothing else is
// written.
func TestOlderForms(t *testing.T) {
	t.Parallel()
	codec, err := agent.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []agent.Body{&agent.ModelCalled{Input: 5}, &agent.ModelAnswered{Capped: true}, &agent.Compacting{Input: 5}, &agent.Compacted{Reason: "drain"}} {
		codec.Limit(1)
		old, err := codec.Draft(body)
		if err != nil || old.Version != 1 || strings.Contains(string(old.Payload), `"input"`) || strings.Contains(string(old.Payload), "capped") ||
			strings.Contains(string(old.Payload), "reason") {
			t.Errorf("version %d: %s, %v", old.Version, old.Payload, err)
		}
		codec.Limit(codec.Newest())
		if young, err := codec.Draft(body); err != nil || young.Version != 2 {
			t.Errorf("version %d, %v", young.Version, err)
		}
	}
}

// TestCappedAnswer: an answer that the session's limit cut short says so.
func TestCappedAnswer(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.begin(agent.Definition{}, "go")
	r := p.run(agent.RunModel)
	p.record(&agent.ModelAnswered{Call: r.Seq, Turn: r.Turn, Message: model.AssistantText("as far as"), Stop: model.StopMaxTokens, Capped: true})
	if turn := p.p.State.Root().Turn; turn.Status != agent.TurnFailed || turn.Code != agent.BudgetExceeded {
		t.Errorf("the turn is %s: %s", turn.Status, turn.Code)
	}
}
