// Package opener opens the sources of tools that agents' definitions name: the
// built-in ones, servers that the operator configured by name, and remote
// servers. It is for the driver, through [tool.Opener].
//
// Addresses are
//   - craton:builtin, or craton:builtin/NAME for one built-in tool,
//   - craton:NAME for a server that the operator configured, which the
//     operator opens to tenants by name,
//   - https:… for any MCP server that egress lets through.
//
// It guarantees that child processes and addresses inside the operator's
// network are reached under the operator's names only, and that a tenant to
// whom a name is not opened gets the same answer as for one that is not there.
//
// Example:
//
//	o, err := opener.New(opener.Config{Policy: policy, Builtin: builtin.New(builtin.Config{})})
//	defer o.Close()
//	source, err := o.Open(ctx, tenant, tool.Server{Label: "math", URL: "craton:builtin/calculator"})
package opener
