// Package mcp reaches tools over the Model Context Protocol: remote servers by
// streamable HTTP, through the client of package egress, and servers of the
// operator's choice as child processes over stdio. It is for the package that
// opens sources for the driver.
//
// It guarantees that
//   - a remote server is reached through the given client only, and a
//     credential is presented to the server's own origin only: a redirect to
//     another origin is refused;
//   - calls and listings are bounded in time and size, and every error is a
//     *model.Error; one marked with [tool.NotSent] did not reach the server;
//   - a cancelled call tells the server so (notifications/cancelled);
//   - sessions of the protocol are kept across calls, opened again when the
//     server forgot them, and closed when nobody used them for a while;
//   - a child process ends with the pool, and one that keeps failing is
//     started ever more seldom.
//
// What a tool's annotations say becomes its class, see [ClassOf].
//
// Example:
//
//	pool := mcp.New(mcp.Config{Client: egress.New(mcp.Policy(policy))})
//	defer pool.Close()
//	source, err := pool.Remote(tenant, tool.Server{Label: "wiki", URL: "https://wiki.example.com/mcp"})
//	specs, err := source.List(ctx)
package mcp
