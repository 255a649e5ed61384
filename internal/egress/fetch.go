package egress

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/craton-ai/craton/internal/model"
)

// bounded ends a body that is larger than allowed with an error.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &model.Error{Kind: model.TooLarge, Op: "egress", Subject: "url", Message: "What the address holds is larger than allowed."}
	}
	return n, err
}

// Fetched is what an address holds.
type Fetched struct {
	// MIME is the Content-Type as it was told; empty when it was not.
	MIME string
	Data []byte
}

// Fetch gets the whole of what an address holds, within the bounds of client,
// which New made. Errors are *model.Error about the subject "url".
func Fetch(ctx context.Context, client *http.Client, address string) (*Fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, invalid("The address is not a URL.")
	}
	req.Header.Set("User-Agent", "craton")
	resp, err := client.Do(req)
	if err != nil {
		return nil, AsError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &model.Error{Kind: model.Invalid, Op: "egress.Fetch", Subject: "url", UpstreamStatus: resp.StatusCode,
			Message: fmt.Sprintf("The address answered with status %d.", resp.StatusCode)}
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, AsError(err)
	}
	return &Fetched{MIME: resp.Header.Get("Content-Type"), Data: data}, nil
}
