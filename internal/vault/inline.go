package vault

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// inlineOwner is what an owner of inline credentials may be called.
var inlineOwner = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// isInline reports whether an id is one that [Store.Seal] made.
func isInline(id string) bool { return strings.Contains(id, ".") }

// Seal keeps secret headers that a client gave inline for a server, so that
// they need not be in a session's journal, and returns what [tool.Server]
// names as its Credential. Owner is the session's id. They are in no list,
// cannot be read back, go to the origin of serverURL only, and end with
// [Store.Forget]. A header that cannot be sent is an error of kind Invalid.
func (s *Store) Seal(ctx context.Context, tenant, owner, serverURL string, headers map[string]string) (string, error) {
	if !inlineOwner.MatchString(owner) {
		return "", model.Wrap(model.Internal, "vault.Seal", errors.New("the owner is not an id"))
	}
	if err := s.checkURL("server_url", serverURL); err != nil {
		return "", err
	}
	if err := CheckHeaders(headers); err != nil {
		return "", err
	}
	now := s.now()
	doc := document.Document{Tenant: tenant, Kind: kindInline, ID: s.newID(owner+".", now), CreatedAt: now, UpdatedAt: now}
	rec := record{Origin: origin(serverURL)}
	if err := s.sealAll(&rec, doc, sealedSecrets{Headers: headers}); err != nil {
		return "", err
	}
	doc, err := s.put(ctx, doc, rec)
	if err != nil {
		return "", err
	}
	s.audit(ctx, tenant, "credential.seal", slog.String("credential", doc.ID), slog.String("origin", rec.Origin))
	return doc.ID, nil
}

// Forget removes inline credentials: each id is one that [Store.Seal] returned,
// or an owner, whose credentials all go. Forgetting what is not there is no
// error.
func (s *Store) Forget(ctx context.Context, tenant string, ids ...string) error {
	for _, id := range ids {
		if !isInline(id) {
			if err := s.empty(ctx, tenant, kindInline, id+"."); err != nil {
				return err
			}
			continue
		}
		if err := s.cfg.Documents.Delete(ctx, tenant, kindInline, id, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
			return err
		}
	}
	return nil
}

// inline finds the inline credential that a server names.
func (s *Store) inline(ctx context.Context, tenant string, server tool.Server) (*held, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, kindInline, server.Credential)
	if errors.Is(err, document.ErrNotFound) {
		return nil, model.Errorf(model.NotFound, "", "The credential that was given for the server '%s' is no longer kept.", server.Label)
	}
	if err != nil {
		return nil, err
	}
	rec, err := decodeRecord(doc)
	if err != nil {
		return nil, err
	}
	if rec.Origin != origin(server.URL) {
		return nil, invalid("server_url", "The credential of the server '%s' was given for another address.", server.Label)
	}
	return &held{doc, rec}, nil
}

// Bounds of inline headers.
const (
	maxHeaders = 32
	maxHeader  = 16 << 10
)

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")

// own are the headers that belong to the connection and not to a client.
var own = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "upgrade": true, "te": true,
	"trailer": true, "keep-alive": true, "proxy-authorization": true, "proxy-connection": true, "content-type": true,
	"accept": true, "mcp-session-id": true, "mcp-protocol-version": true, "last-event-id": true,
}

// CheckHeaders says what is wrong with headers that a client wants sent to an
// MCP server, or nil. The error names a header, never its value.
func CheckHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return invalid("headers", "There are %d headers; at most %d are allowed.", len(headers), maxHeaders)
	}
	seen := map[string]bool{}
	for name, value := range headers {
		lower := strings.ToLower(name)
		switch {
		case !headerName.MatchString(name):
			return invalid("headers", "A header's name has letters, digits and hyphens, at most 128.")
		case own[lower]:
			return invalid("headers."+name, "The header '%s' is the connection's own and cannot be set.", name)
		case seen[lower]:
			return invalid("headers."+name, "The header '%s' is given twice.", name)
		case len(value) > maxHeader:
			return invalid("headers."+name, "The value of the header '%s' has %d bytes; at most %d are allowed.", name, len(value), maxHeader)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return invalid("headers."+name, "The value of the header '%s' holds control characters.", name)
		}
		seen[lower] = true
	}
	return nil
}
