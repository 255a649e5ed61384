package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client speaks JSON to one server.
type client struct {
	base   string
	header http.Header
	http   *http.Client
}

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
}

// Error says what the server said.
func (r *refusal) Error() string { return fmt.Sprintf("the server answered %d: %s", r.status, r.text) }

func newClient(base string, header map[string]string) *client {
	c := &client{base: base, header: http.Header{"Content-Type": {"application/json"}},
		http: &http.Client{Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute}}}
	for name, value := range header {
		c.header.Set(name, value)
	}
	return c
}

// send asks and returns the answer to read; body is sent as JSON unless nil.
// Further headers come in pairs.
func (c *client) send(ctx context.Context, method, path string, body any, header ...string) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	req.Header = c.header.Clone()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // what came is told
		return nil, &refusal{resp.StatusCode, string(bytes.TrimSpace(text))}
	}
	return resp, nil
}

// call asks and decodes the answer unless it is nil.
func (c *client) call(ctx context.Context, method, path string, body, answer any, header ...string) error {
	resp, err := c.send(ctx, method, path, body, header...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
