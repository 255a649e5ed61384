package gateway

import (
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

var (
	unlimited identity.Limits
	noBudgets identity.Budgets
)

// Assumptions of the worst case where a request or card does not say: a token
// is at least two bytes of text, an answer at most this long, and a picture
// read at most as so many tokens.
const (
	bytesPerToken    = 2
	unboundedAnswer  = 16_384
	tokensPerPicture = 2_000
)

// Figures beyond these are taken for these: above what any model does, and so
// low that nothing computed with them overflows and turns out free.
const (
	maxTokensBound = 1 << 32
	maxAnswers     = 1 << 10
)

// Peeked is what is known of a body that was not decoded.
type Peeked struct {
	// TextBytes is its length without the pictures and sounds it holds, Media
	// how many those are.
	TextBytes, Media int
	// MaxTokens, N and ServiceTier are as the client gave them; 0 or empty when
	// it did not.
	MaxTokens, N int
	ServiceTier  string
}

// Bound is an upper estimate of what such a body may use, by the tier asked for.
func Bound(p Peeked) model.Usage {
	return model.Usage{
		Input: int64(p.TextBytes/bytesPerToken + p.Media*tokensPerPicture), Output: answers(p.MaxTokens, p.N), ServiceTier: p.ServiceTier,
	}
}

// answers bounds what n answers of at most maxTokens tokens take together. It
// is 0 where one answer is bounded by its model only: a negative count says no
// more than none, and some servers take it for no bound at all.
func answers(maxTokens, n int) int64 {
	each, count := int64(maxTokens), int64(min(max(n, 1), maxAnswers))
	if each <= 0 && count == 1 {
		return 0
	}
	if each <= 0 {
		each = unboundedAnswer
	}
	return min(each, maxTokensBound) * count
}

// bound is the same of a decoded request of that size.
func bound(req *model.Request, of size) model.Usage {
	u := model.Usage{Input: of.text/bytesPerToken + of.pictures*tokensPerPicture, ServiceTier: req.ServiceTier}
	most := 0
	if req.MaxTokens != nil {
		most = *req.MaxTokens
	}
	u.Output = answers(most, req.N)
	return u
}

// embedBound is the same of an embedding request. It writes nothing, but an
// output of 0 would mean that no bound is known.
func embedBound(req *model.EmbedRequest) model.Usage {
	u := model.Usage{Output: 1, Input: int64(len(req.Images) * tokensPerPicture)}
	for _, text := range req.Input {
		u.Input += int64(len(text)/bytesPerToken) + 1
	}
	for _, tokens := range req.Tokens {
		u.Input += int64(len(tokens))
	}
	return u
}

// size is how much there is to read in a request.
type size struct {
	// text is in bytes.
	text, pictures int64
	// plain says that there are texts, calls and their results only, nothing
	// that may lie elsewhere.
	plain bool
}

func sizeOf(req *model.Request) size {
	s := size{plain: true}
	for i := range req.Messages {
		s.add(req.Messages[i].Parts)
	}
	for i := range req.Tools {
		s.text += int64(len(req.Tools[i].Description) + len(req.Tools[i].Schema))
	}
	return s
}

func (s *size) add(parts []model.Part) {
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			s.text += int64(len(p.Text))
		case *model.ToolCall:
			s.text += int64(len(p.Name) + len(p.Arguments))
		case *model.ToolResult:
			s.plain = s.plain && p.Extra == nil
			s.add(p.Content)
		case *model.Reasoning:
			s.text += int64(len(p.Text))
		case *model.Structured:
			s.text += int64(len(p.JSON))
		case *model.SearchResult:
			s.add(p.Content)
		case *model.Document:
			s.plain = false
			s.text += int64(len(p.Source.Text) + len(p.Source.Data))
			s.add(p.Content)
		case *model.Image, *model.Video, *model.Audio:
			s.plain = false
			s.pictures++
		case *model.Opaque:
			s.plain = false
			s.text += int64(len(p.Raw))
		case *model.Guard:
			s.plain = s.plain && p.Image == nil
		case *model.Refusal, *model.ToolChange, *model.CachePoint:
		default:
			s.plain = false
		}
	}
}
