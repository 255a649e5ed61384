package agent

import "github.com/craton-ai/craton/internal/model"

// What is assumed of a request nobody counted: a token is about so many bytes of
// text, or of a file, and a picture or recording about so many tokens.
const (
	textPerToken    = 4
	filePerToken    = 50
	tokensPerMedium = 1000
)

// EstimateTokens guesses how many tokens so many bytes of text are.
func EstimateTokens(bytes int) int64 { return int64(bytes+textPerToken-1) / textPerToken }

// Cut is what an answer that was cut short has used: what the upstream told of
// it, completed by estimates from the size of the request in tokens and of what
// was said in bytes.
func Cut(told model.Usage, input int64, said int) model.Usage {
	u := told
	if u.InputTotal() == 0 {
		u.Input = input
	}
	u.Output = max(u.Output, EstimateTokens(said))
	if u != told || u.Total() > 0 {
		u.Estimated, u.Absent = true, false
	}
	return u
}

// Rate is what so much costs at the average price of what was spent; 0 if
// nothing was.
func (s *Spending) Rate(used model.Usage) int64 {
	total := s.Usage.Total()
	if total <= 0 {
		return 0
	}
	return int64(float64(s.Cost) / float64(total) * float64(used.Total()))
}

// Said is the size in bytes of what a model made.
func Said(parts []model.Part) int { return sizeOfParts(parts) }

// inputTokens guesses the size of the agent's next request: from what the last
// call used and what came since, or from everything.
func (s *State) inputTokens(t *Thread) int64 {
	at := len(t.Context)
	if t.Tokens > 0 {
		for at > 0 && t.Context[at-1].Role != model.RoleAssistant {
			at--
		}
		return t.Tokens + EstimateTokens(sizeOf(t.Context[at:]))
	}
	size := sizeOf(t.Context)
	if d := &t.Turn.Definition; d.Instructions != nil {
		size += len(*d.Instructions)
	}
	offers := s.Offers(t)
	for i := range offers {
		size += len(offers[i].Tool.Description) + len(offers[i].Tool.Schema)
	}
	return EstimateTokens(size)
}

func sizeOf(messages []model.Message) int {
	size := 0
	for i := range messages {
		size += sizeOfParts(messages[i].Parts)
	}
	return size
}

// sizeOfParts is the size in bytes of text, or what stands for as many tokens.
func sizeOfParts(parts []model.Part) int {
	size := 0
	for _, part := range parts {
		switch p := part.(type) {
		case *model.Text:
			size += len(p.Text)
		case *model.Refusal:
			size += len(p.Text)
		case *model.Reasoning:
			size += len(p.Text)
		case *model.ToolCall:
			size += len(p.Name) + len(p.Arguments)
		case *model.ToolResult:
			size += sizeOfParts(p.Content)
		case *model.Structured:
			size += len(p.JSON)
		case *model.SearchResult:
			size += sizeOfParts(p.Content)
		case *model.Document:
			size += sizeOfParts(p.Content) + len(p.Source.Text) + len(p.Source.Data)*textPerToken/filePerToken
		case *model.Image, *model.Audio, *model.Video:
			size += tokensPerMedium * textPerToken
		case *model.Opaque:
			size += len(p.Raw)
		}
	}
	return size
}
