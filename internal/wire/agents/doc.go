// Package agents is the codec of OpenAI's Agents API (the beta "agents=v1",
// which Bedrock Managed Agents speaks too): its resources, lists and errors
// as JSON. It is for the edge, which moves what it decodes here into the
// packages that keep it, and what they keep into answers.
//
// Guarantees: no network, no clock, no randomness; no input makes it panic; an
// error is a *model.Error whose Subject is the path of the parameter it is
// about and whose text repeats no secret; what a client may only write is
// in no answer.
//
// Example:
//
//	query, err := agents.DecodeQuery(r.URL.Query())
//	…
//	body, err := agents.EncodePage(vaults, more, func(v agents.Vault) string { return v.ID })
package agents
