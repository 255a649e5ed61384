package edge

import _ "embed" // for the description

// openAPI describes the admin API.
//
//go:embed openapi.json
var openAPI []byte

func (h *Handler) adminOpenAPI(c *call) error { return c.json(openAPI) }
