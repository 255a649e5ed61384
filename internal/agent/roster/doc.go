// Package roster keeps saved agents: definitions that clients give a name and
// an id, to run sessions with. It is for the edge, which lets clients manage
// them, and for whoever starts a session with one.
//
// It guarantees what collections do: strong consistency, no lost change,
// tenants apart, ids that sort by creation. A saved agent holds no secret, and
// sessions keep the definition they were started with: a change or deletion
// here never reaches them.
//
// Example:
//
//	r := roster.New(roster.Config{Documents: store, Now: time.Now, NewID: uuid.NewString})
//	saved, err := r.Create(ctx, tenant, roster.Agent{Definition: agent.Definition{Model: "small"}})
//	definition := roster.Definition(saved)
package roster
