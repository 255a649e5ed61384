package bedrock

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// refuseObjects refuses content that lies in S3. Bedrock would read it with the
// operator's credential, from whatever bucket the caller named; a caller's own
// objects are put into the request before it comes here.
func refuseObjects(op string, messages []model.Message) error {
	for i := range messages {
		if url := objectIn(messages[i].Parts); url != "" {
			return &model.Error{Kind: model.Unsupported, Op: op, Subject: url,
				Message: "The model's upstream is not asked to read " + url + ".", Hint: "Send the content itself."}
		}
	}
	return nil
}

// objectIn is the first S3 address among parts; empty when there is none.
func objectIn(parts []model.Part) string {
	for _, p := range parts {
		url, within := "", []model.Part(nil)
		switch p := p.(type) {
		case *model.Image:
			url = p.Source.URL
		case *model.Audio:
			url = p.Source.URL
		case *model.Video:
			url = p.Source.URL
		case *model.Document:
			url, within = p.Source.URL, p.Content
		case *model.ToolResult:
			within = p.Content
		case *model.SearchResult:
			within = p.Content
		}
		if strings.HasPrefix(url, "s3:") {
			return url
		}
		if url = objectIn(within); url != "" {
			return url
		}
	}
	return ""
}
