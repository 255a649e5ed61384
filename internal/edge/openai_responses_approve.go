package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// mayApprove bars approving where the operator wants two pairs of eyes: in this
// contract a request for approval comes back from whoever asked, and may be that
// client's own text.
func (t *turn) mayApprove() error {
	if !t.c.h.opts.BarSelfApproval || !slices.ContainsFunc(t.approved, func(a agent.Approved) bool { return a.Approve }) {
		return nil
	}
	return model.Errorf(model.Forbidden, "input",
		"This server wants a second person's approval, which the Responses API cannot tell from the first one's.").
		WithHint("Deny the request, or make the call in a session of the Agents API, where another key can approve it.")
}

// approvedBefore says of a yes that it was used.
func approvedBefore(err error) error {
	return &model.Error{Kind: model.Conflict, Subject: "input", Err: err,
		Message: "The approval was given before, in another request, and counts once.",
		Hint:    "Read the response to that request, or leave the approval out. To have the call made again, let the model ask again and approve that."}
}

// approvalName is what a request's approval is known by once it was used,
// whatever the client made the id.
func approvalName(id string) string {
	request, _ := splitRequest(id)
	sum := sha256.Sum256([]byte(request))
	return "approval/" + hex.EncodeToString(sum[:])
}
