// Package collection keeps typed records of one kind in a document store. It is
// for resources that clients create, change, list and delete: saved agents,
// environments and their templates.
//
// It guarantees that a write is durable and visible to every reader when it
// returns, that no change is lost (a change that another one overtook is made
// again to what that one wrote), that a tenant reaches its own records only,
// and that ids sort by the time their records were created, so that a page's
// last id is the cursor of the next one.
//
// Example:
//
//	agents := collection.New[Saved](collection.Config{Documents: store, Kind: "agent", Prefix: "agent_",
//		Noun: "agent", Form: 1, Now: time.Now, NewID: uuid.NewString})
//	record, err := agents.Create(ctx, tenant, Saved{…})
//	page, more, err := agents.List(ctx, tenant, collection.Query{Limit: 20})
package collection
