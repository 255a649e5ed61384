package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// desk is a server of tools for the house's agents: one that only reads, one
// that changes something and so needs a yes, and one that fails.
type desk struct {
	url    string
	server *http.Server
	ended  chan error
}

// note is what the desk's tools take.
type note struct {
	Name string `json:"name" jsonschema:"which note"`
}

// openDesk serves on a free loopback port until [desk.close].
func openDesk() (*desk, error) {
	tools := mcp.NewServer(&mcp.Implementation{Name: "desk", Version: "1"}, nil)
	add := func(name, what string, readOnly bool, answer func(note) (string, error)) {
		mcp.AddTool(tools, &mcp.Tool{Name: name, Description: what, Annotations: &mcp.ToolAnnotations{ReadOnlyHint: readOnly}},
			func(_ context.Context, _ *mcp.CallToolRequest, n note) (*mcp.CallToolResult, any, error) {
				text, err := answer(n)
				if err != nil {
					return nil, nil, err // the protocol's form of a failed call
				}
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
			})
	}
	add("read_note", "Reads a note.", true, func(n note) (string, error) { return "the note " + n.Name, nil })
	add("write_note", "Writes a note.", false, func(n note) (string, error) { return "wrote " + n.Name, nil })
	add("lose_note", "Fails.", true, func(n note) (string, error) { return "", fmt.Errorf("the note %s is lost", n.Name) })
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &desk{url: "http://" + at.Addr().String(), ended: make(chan error, 1),
		server: &http.Server{Handler: mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return tools }, nil)}}
	go func() { d.ended <- d.server.Serve(at) }()
	return d, nil
}

// close ends the server at once.
func (d *desk) close() error {
	err := d.server.Close()
	if e := <-d.ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
