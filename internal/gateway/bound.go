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

// bound is the same of a decoded request.
func bound(req *model.Request) model.Usage {
	text, pictures := sizeOf(req)
	u := model.Usage{Input: text/bytesPerToken + pictures*tokensPerPicture, ServiceTier: req.ServiceTier}
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

// sizeOf counts a request's bytes of text and its pictures.
func sizeOf(req *model.Request) (text, pictures int64) {
	for i := range req.Messages {
		t, p := sizeOfParts(req.Messages[i].Parts)
		text, pictures = text+t, pictures+p
	}
	for i := range req.Tools {
		text += int64(len(req.Tools[i].Description) + len(req.Tools[i].Schema))
	}
	return text, pictures
}

func sizeOfParts(parts []model.Part) (text, pictures int64) {
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			text += int64(len(p.Text))
		case *model.ToolCall:
			text += int64(len(p.Name) + len(p.Arguments))
		case *model.ToolResult:
			t, n := sizeOfParts(p.Content)
			text, pictures = text+t, pictures+n
		case *model.Reasoning:
			text += int64(len(p.Text))
		case *model.Structured:
			text += int64(len(p.JSON))
		case *model.SearchResult:
			t, n := sizeOfParts(p.Content)
			text, pictures = text+t, pictures+n
		case *model.Document:
			t, n := sizeOfParts(p.Content)
			text, pictures = text+t+int64(len(p.Source.Text)+len(p.Source.Data)), pictures+n
		case *model.Image, *model.Video, *model.Audio:
			pictures++
		case *model.Opaque:
			text += int64(len(p.Raw))
		}
	}
	return text, pictures
}
