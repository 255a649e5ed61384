package agent

import "github.com/craton-ai/craton/internal/model"

// How full a context is, in parts of a hundred of the model's window, when it
// is compacted, and when the model is not asked before that is done.
const (
	compactFrom = 70
	crowdedFrom = 90
)

// leastCompacted is how many messages a summary has to replace at least.
const leastCompacted = 4

// keptTail is how many of the newest messages a summary leaves alone.
const keptTail = 4

// decideCompaction begins summaries of contexts that have grown long. They are
// model calls too: the spend limit stops them.
func (s *State) decideCompaction() []Body {
	if s.overspent() != "" {
		return nil
	}
	for _, t := range s.Threads {
		if !t.long(s.compactAt(t)) || s.running(RunCompact, t.ID) {
			continue
		}
		if n := t.compactable(); n >= leastCompacted && len(t.Context) > t.Uncompactable {
			return []Body{&Compacting{Thread: t.ID, Entries: n, Input: EstimateTokens(sizeOf(t.Context[:n]))}}
		}
	}
	return nil
}

// compactAt is the size in tokens from which a context is compacted; 0 for
// never.
func (s *State) compactAt(t *Thread) int64 {
	if at := s.Settings.Definition.Sampling.CompactAt; at > 0 {
		return at
	}
	if s.Settings.Mode == Returning {
		return 0 // a client of that contract asks for it
	}
	return t.Window * compactFrom / 100
}

func (t *Thread) long(at int64) bool { return at > 0 && t.Tokens >= at }

// crowded reports whether the model must not be asked before a compaction is
// done.
func (s *State) crowded(t *Thread) bool {
	if !s.running(RunCompact, t.ID) {
		return false
	}
	return s.Settings.Definition.CompactBlocking || t.Window > 0 && t.Tokens >= t.Window*crowdedFrom/100
}

// compactable is how many of the first messages can be replaced: as many as
// leave a tail that begins with something a conversation can begin with.
func (t *Thread) compactable() int {
	for n := len(t.Context) - keptTail; n > 0; n-- {
		if first := t.Context[n]; first.Role != model.RoleAssistant && !answersCalls(first) {
			return n
		}
	}
	return 0
}

func answersCalls(m model.Message) bool {
	for _, part := range m.Parts {
		if _, ok := part.(*model.ToolResult); ok {
			return true
		}
	}
	return false
}

// summaryInstructions ask a model for a summary.
const summaryInstructions = "You keep the memory of a conversation between a user and an assistant that uses tools. " +
	"Write down everything the assistant needs to go on without the messages themselves: what the user wants, what was decided, " +
	"found out and done, names, numbers and ids word for word, what is still open. Write plain text, no greeting."

// CompactRequest is the model call that summarises the first n messages of an
// agent's context. The summary's text goes through [Summary].
func (s *State) CompactRequest(t *Thread, n int) *model.Request {
	d := s.definition(t)
	return SummaryRequest(d.Model, d.ServiceTier, t.Context[:n])
}

// SummaryRequest is the model call that summarises messages.
func SummaryRequest(name, tier string, messages []model.Message) *model.Request {
	all := make([]model.Message, 0, len(messages)+2)
	all = append(all, model.SystemText(summaryInstructions))
	all = append(all, transcript(messages)...)
	all = append(all, model.UserText("Write the summary now."))
	return &model.Request{Model: name, Messages: all, ServiceTier: tier}
}

// Summary is what takes the place of the messages that were summarised.
func Summary(text string) []model.Message {
	return []model.Message{model.UserText("What happened in this conversation before:\n\n" + text)}
}

// Shorten drops the oldest part of a conversation: about a quarter of what
// follows the leading system messages, and then whatever a conversation cannot
// begin with. ok is false if nothing can be dropped.
func Shorten(messages []model.Message) (shorter []model.Message, ok bool) {
	lead := 0
	for lead < len(messages) && (messages[lead].Role == model.RoleSystem || messages[lead].Role == model.RoleDeveloper) {
		lead++
	}
	rest := messages[lead:]
	for n := max(len(rest)/4, 1); n < len(rest); n++ {
		if first := rest[n]; first.Role != model.RoleAssistant && !answersCalls(first) {
			return append(append([]model.Message{}, messages[:lead]...), rest[n:]...), true
		}
	}
	return messages, false
}

// transcript writes calls and results as text, so that a summary needs none of
// the tools.
func transcript(messages []model.Message) []model.Message {
	out := make([]model.Message, 0, len(messages))
	for _, m := range messages {
		plain := model.Message{Role: m.Role}
		for _, part := range m.Parts {
			switch p := part.(type) {
			case *model.ToolCall:
				plain.Parts = append(plain.Parts, &model.Text{Text: "[calls " + p.Name + " with " + p.Arguments + "]"})
			case *model.ToolResult:
				text := model.Message{Parts: p.Content}.Text()
				plain.Parts = append(plain.Parts, &model.Text{Text: "[result: " + text + "]"})
			case *model.Text, *model.Image, *model.Document:
				plain.Parts = append(plain.Parts, part)
			}
		}
		if len(plain.Parts) > 0 {
			out = append(out, plain)
		}
	}
	return out
}
