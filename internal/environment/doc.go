// Package environment keeps where agents' tools run: environments, the files in
// them, and the templates they are set up from. It is for the edge, which lets
// clients manage them, and for whoever runs a session in one.
//
// An environment is a machine of the client's own (self-hosted); sandboxes of
// this server's come later, and until then asking for one is refused. Files are
// kept here until there is a machine to put them on.
//
// It guarantees that
//   - what is stored is durable and visible when a call returns, and a tenant
//     reaches its own only;
//   - a creation with an idempotency key happens once within [Window];
//   - the content of a template's files and archives, its variables and its
//     setup commands are encrypted at rest, under a key of the tenant's, and
//     gone when the template is deleted;
//   - a file appears whole or not at all.
//
// Example:
//
//	environments := environment.New(environment.Config{Documents: store, Objects: space, Box: keyring, Now: time.Now, NewID: newID})
//	env, err := environments.Create(ctx, tenant, environment.Spec{Type: environment.SelfHosted, Workspace: "/work"})
//	file, err := environments.PutFile(ctx, tenant, env.ID, "/work/notes.txt", body)
package environment
