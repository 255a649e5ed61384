// Package conversation keeps OpenAI Conversations on the journal: a
// conversation is one session, and each of its items one event, labelled so
// that it is found without reading the others. It is for the edge that serves
// the Conversations and Responses contracts.
//
// It guarantees that what was added is durable and seen by every reader once
// the call returns, on every node; that turns which end at the same time are
// each appended whole, one after the other; that a turn which is handed over
// twice is appended once; and that a conversation of another tenant is answered
// exactly as an unknown one.
//
// Example:
//
//	conv, err := store.Create(ctx, tenant, metadata, items)
//	past, err := store.All(ctx, tenant, conv.ID)
//	// … call the model with past and the new input …
//	err = store.Append(ctx, tenant, conv.ID, responseID, turn)
package conversation
