package driver

import (
	"context"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Reach asks a server for its tools and forgets them: it tells whether a turn
// could use it. The error is the server's, a *model.Error.
func (s *Sessions) Reach(ctx context.Context, tenant string, server tool.Server) error {
	if s.driver.config.Tools == nil {
		return model.Errorf(model.Unsupported, "tools", "This server runs no tools.")
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	source, err := s.driver.config.Tools.Open(ctx, tenant, server)
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = source.List(ctx)
	return err
}
