// Package vault keeps the credentials a tenant's agents present to tools:
// collections of OAuth tokens and bearer tokens for MCP servers, and of secrets
// for environments. It is for the Agents API, whose /vaults operations it
// carries out, and for the MCP client, which asks it what to present where.
//
// It guarantees that
//   - a secret lies encrypted (package secret) under its tenant and its own id,
//     and is never returned, logged or part of an error;
//   - a credential is presented to the origin it was made for and to no other,
//     and each use leaves an audit line;
//   - an OAuth token is refreshed before it runs out, by one replica at a time,
//     and a new refresh token is stored before the access token that came with
//     it is used;
//   - what was written is seen by every reader that comes after, lists included.
//
// Example:
//
//	vaults := vault.New(vault.Config{Documents: store, Sealer: sealer, Client: client, Now: time.Now, NewID: newID, Log: log})
//	v, err := vaults.Create(ctx, tenant, vault.Change{Name: &name})
//	…
//	header, err := vaults.Authorize(ctx, tenant, server)
package vault
