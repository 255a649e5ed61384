package vault

import (
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// rotate replaces secrets of rec. What is fixed when a credential is made, its
// kind, destination and client, stays.
func (s *Store) rotate(rec *record, doc document.Document, r *Rotation) error {
	if r.Kind != rec.Auth.Kind {
		return invalid("auth.type", "The credential is of type '%s', which cannot be changed.", rec.Auth.Kind).
			WithHint("Repeat the type, or create another credential.")
	}
	if err := checkSecret(r.Kind, r.Secrets.Token, true); err != nil {
		return err
	}
	secrets, err := s.open(*rec, doc)
	if err != nil {
		return err
	}
	if r.Kind == OAuth {
		if err := rotateOAuth(rec, r); err != nil {
			return err
		}
		replace(&secrets.RefreshToken, r.Secrets.RefreshToken)
		replace(&secrets.ClientSecret, r.Secrets.ClientSecret)
	}
	replace(&secrets.Token, r.Secrets.Token)
	// What was being done with the old secrets is void.
	rec.Claim, rec.Stale, rec.Failed, rec.RetryAt = nil, false, "", time.Time{}
	return s.sealAll(rec, doc, secrets)
}

func replace(dst *string, with string) {
	if with != "" {
		*dst = with
	}
}

func rotateOAuth(rec *record, r *Rotation) error {
	auth := &rec.Auth
	if r.Refresh {
		switch {
		case auth.Refresh == nil:
			return invalid("auth.refresh", "The credential was created without a way to refresh it.").WithHint("Create another credential.")
		case r.ClientAuth != "" && r.ClientAuth != auth.Refresh.ClientAuth:
			return invalid("auth.refresh.token_endpoint_auth.type", "The client proves itself by '%s', which cannot be changed.", auth.Refresh.ClientAuth)
		case r.Secrets.ClientSecret != "" && auth.Refresh.ClientAuth == ClientNone:
			return invalid("auth.refresh.token_endpoint_auth.client_secret", "The client has no secret.")
		}
		if err := checkRefreshSecrets(r.Secrets); err != nil {
			return err
		}
		refresh := *auth.Refresh
		if r.Scope != nil {
			refresh.Scope = *r.Scope
		}
		if err := checkText("auth.refresh.scope", refresh.Scope, maxScope, false); err != nil {
			return err
		}
		auth.Refresh = &refresh
	}
	switch {
	case r.ExpiresAt != nil:
		auth.ExpiresAt = *r.ExpiresAt
	case r.Secrets.Token != "":
		auth.ExpiresAt = time.Time{}
	}
	return nil
}

func invalid(param, format string, args ...any) *model.Error {
	return model.Errorf(model.Invalid, param, format, args...)
}
