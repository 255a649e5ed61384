// Package builtin holds the tools of the server's own: the time, arithmetic,
// pages of the web, and a tenant's uploaded files. It is for the package that
// opens sources for the driver.
//
// The registry is one explicit list, [New] makes it, and what a tool needs is
// given to it: a tool whose needs are not met is not listed. All of them are of
// class read: they change nothing and may be called again. A tool that cannot
// do what it was asked says why in its result, for the model to read.
//
// It guarantees that answers are bounded in size, that pages are fetched from
// hosts of the operator's list only, through package egress, and that a search
// sees the files of the calling tenant only.
//
// Example:
//
//	tools := builtin.New(builtin.Config{Now: time.Now})
//	source, err := tools.Source("calculator")
//	result, err := source.Call(ctx, tool.Call{Name: "calculator", Arguments: []byte(`{"expression":"2^64"}`)})
package builtin
