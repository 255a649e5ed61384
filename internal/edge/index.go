package edge

import (
	"io"
	"net/http"
)

// index answers whoever opens the address in a browser.
func (h *Handler) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, indexText) // the reader is gone if this fails
}

const indexText = `This is Craton, a server of AI models for the clients people have.

OpenAI       base URL /v1             chat completions, responses, agents, embeddings, files, models
Anthropic    base URL / or /anthropic messages, token counts, models
Amazon       endpoint URL /           bedrock-runtime under /model, S3 under /aws/s3
Craton       /admin/v1                described at /admin/v1/openapi.json

Every contract wants a key: craton keys create.
`
