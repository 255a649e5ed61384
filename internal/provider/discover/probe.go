package discover

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxProbe bounds what is read of a probe's answer.
const maxProbe = 256 << 10

// HTTP returns a Probe that gives up after timeout, uses no proxy and follows
// no redirect.
func HTTP(timeout time.Duration) Probe {
	return func(ctx context.Context, url string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true}
		client := &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answered with status %d", url, resp.StatusCode)
		}
		return io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	}
}
