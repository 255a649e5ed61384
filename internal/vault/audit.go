package vault

import (
	"context"
	"log/slog"

	"github.com/craton-ai/craton/internal/identity"
)

// audit writes down who did what. attrs name resources and hold no secret.
func (s *Store) audit(ctx context.Context, tenant, action string, attrs ...slog.Attr) {
	principal := "system"
	if who, ok := identity.FromContext(ctx); ok && who.KeyID != "" {
		principal = who.KeyID
	}
	all := append([]slog.Attr{slog.String("action", action), slog.String("tenant", tenant), slog.String("principal", principal)}, attrs...)
	s.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "audit", all...)
}
