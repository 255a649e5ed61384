package edge

import (
	"github.com/craton-ai/craton/internal/aws/contract"
	"github.com/craton-ai/craton/internal/model"
)

// AsyncInvokes runs Bedrock's async invocations.
type AsyncInvokes interface{}

func (h *Handler) invokeModel(c *call, m contract.Match) error { return unsupportedOperation(c, m) }

func (h *Handler) decodeInvoke(_ *call, _ string, _ []byte) (*model.Request, error) {
	return nil, model.Errorf(model.Invalid, "modelId", "The provided model doesn't support counting tokens.")
}

func (h *Handler) startAsync(c *call, m contract.Match) error { return unsupportedOperation(c, m) }
func (h *Handler) getAsync(c *call, m contract.Match) error   { return unsupportedOperation(c, m) }
func (h *Handler) listAsync(c *call, m contract.Match) error  { return unsupportedOperation(c, m) }
