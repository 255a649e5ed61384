package vault

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Authorize returns the headers that a tenant presents to an MCP server: those
// of the credential that the server names, else of the first one in its vaults
// that was made for its URL (the newest of a vault), else none. A server whose
// own headers hold an Authorization, and one of this server's own, gets none
// that it does not name. The caller must send them to the server's origin only.
//
// Errors are of kind NotFound (the credential is gone), Invalid (it is for
// another place) or UpstreamDenied, UpstreamDown or UpstreamGarbage (its token
// ran out and cannot be refreshed). Each use is in the audit log.
func (s *Store) Authorize(ctx context.Context, tenant string, server tool.Server) (http.Header, error) {
	found, err := s.find(ctx, tenant, server)
	if err != nil || found == nil {
		return nil, err
	}
	header, err := s.headers(ctx, found)
	s.audit(ctx, tenant, "credential.use", slog.String("credential", ownID(found.doc)),
		slog.String("server", server.Label), slog.String("origin", origin(server.URL)), slog.Bool("granted", err == nil))
	return header, err
}

// Refused tells that the server refused what [Store.Authorize] gave for it. If
// it was an OAuth token that can be refreshed, the next Authorize does that,
// and Refused returns true: it is worth another try.
func (s *Store) Refused(ctx context.Context, tenant string, server tool.Server, presented http.Header) (bool, error) {
	for {
		found, err := s.find(ctx, tenant, server)
		if err != nil || found == nil || found.rec.Auth.Refresh == nil {
			return false, err
		}
		secrets, err := s.open(found.rec, found.doc)
		if err != nil {
			return false, err
		}
		if presented.Get("Authorization") != bearer(secrets.Token) || found.rec.Stale {
			return true, nil // another token is there already, or on its way
		}
		found.rec.Stale = true
		_, err = s.put(ctx, found.doc, found.rec)
		if !errors.Is(err, document.ErrConflict) {
			return err == nil, err
		}
	}
}

// Check says what is wrong with a server that a client describes, before it is
// used: a vault that does not exist, or a credential that is in none of them or
// is for another place. Its errors are of kind Invalid.
func (s *Store) Check(ctx context.Context, tenant string, server tool.Server) error {
	for _, id := range server.Vaults {
		if _, err := s.vault(ctx, tenant, id); model.AsError(err) != nil {
			if e := model.AsError(err); e.Kind == model.NotFound {
				return invalid("vault_ids", "%s", e.Message)
			}
			return err
		}
	}
	if server.Credential == "" {
		return nil
	}
	if isInline(server.Credential) { // only this server makes those
		return invalid("credential_id", "None of the session's vaults holds the credential '%s'.", server.Credential)
	}
	_, err := s.find(ctx, tenant, server)
	if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
		return invalid("credential_id", "%s", e.Message)
	}
	return err
}

// held is a credential that was found.
type held struct {
	doc document.Document
	rec record
}

// find returns the credential for a server, nil for none.
func (s *Store) find(ctx context.Context, tenant string, server tool.Server) (*held, error) {
	switch {
	case server.Credential == "" && (origin(server.URL) == "" || hasAuthorization(server.Headers)):
		return nil, nil
	case server.Credential == "":
		return s.match(ctx, tenant, server)
	case isInline(server.Credential):
		return s.inline(ctx, tenant, server)
	}
	for _, vaultID := range server.Vaults {
		doc, rec, err := s.credential(ctx, tenant, vaultID, server.Credential)
		if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &held{doc, rec}, admits(server, ownID(doc), rec.Auth)
	}
	return nil, model.Errorf(model.NotFound, server.Credential, "None of the session's vaults holds the credential '%s'.", server.Credential)
}

// admits refuses a credential that is not for the server.
func admits(server tool.Server, id string, auth Auth) error {
	switch {
	case auth.Kind == Environment:
		return invalid("credential_id", "The credential '%s' is for environments, not for MCP servers.", id)
	case origin(auth.ServerURL) != origin(server.URL):
		return invalid("credential_id", "The credential '%s' was made for another server than '%s'.", id, server.Label).
			WithHint("Make one whose mcp_server_url is the server's.")
	}
	return nil
}

// match looks for a credential made for the server's URL.
func (s *Store) match(ctx context.Context, tenant string, server tool.Server) (*held, error) {
	for _, vaultID := range server.Vaults {
		if strings.Contains(vaultID, "/") {
			continue
		}
		query := document.Query{Tenant: tenant, Kind: kindCredential, Prefix: vaultID + "/", Descending: true, Limit: scanned}
		for {
			docs, err := s.cfg.Documents.List(ctx, query)
			if err != nil {
				return nil, err
			}
			for _, doc := range docs {
				query.After = doc.ID
				rec, err := decodeRecord(doc)
				if err != nil {
					return nil, err
				}
				if rec.Auth.Kind != Environment && sameServer(rec.Auth.ServerURL, server.URL) {
					return &held{doc, rec}, nil
				}
			}
			if len(docs) < scanned {
				break
			}
		}
	}
	return nil, nil
}

// headers returns what to present of a credential.
func (s *Store) headers(ctx context.Context, h *held) (http.Header, error) {
	if h.rec.Auth.Kind == OAuth {
		token, err := s.fresh(ctx, h)
		if err != nil {
			return nil, err
		}
		return http.Header{"Authorization": {bearer(token)}}, nil
	}
	secrets, err := s.open(h.rec, h.doc)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range secrets.Headers {
		header.Set(name, value)
	}
	if h.rec.Auth.Kind == Bearer {
		header.Set("Authorization", bearer(secrets.Token))
	}
	return header, nil
}

func bearer(token string) string { return "Bearer " + token }

func hasAuthorization(headers map[string]string) bool {
	for name := range headers {
		if strings.EqualFold(name, "Authorization") {
			return true
		}
	}
	return false
}
