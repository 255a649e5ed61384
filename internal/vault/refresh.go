package vault

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

const (
	// skew is how long before its end a token is refreshed: the clocks of this
	// machine, the token's issuer and the MCP server need not agree.
	skew = time.Minute
	// exchangeTime bounds one exchange with a token endpoint.
	exchangeTime = 20 * time.Second
	// claimTime is how long a claim holds; beyond the exchange it leaves time
	// for storing the outcome and for clocks of replicas that differ.
	claimTime = exchangeTime + 40*time.Second
	// waitTime is how often a claimed credential is looked at again, and a grant
	// that could not be stored is tried again.
	waitTime = 200 * time.Millisecond
	// retryTime is the pause after a refresh that failed.
	retryTime = 15 * time.Second
)

// fresh returns an OAuth credential's access token, refreshed if it is due. One
// caller on one replica refreshes while the others wait: a refresh token that
// rotates may be used once only.
func (s *Store) fresh(ctx context.Context, h *held) (string, error) {
	for {
		secrets, err := s.open(h.rec, h.doc)
		if err != nil {
			return "", err
		}
		switch s.action(h.rec, secrets) {
		case useToken:
			return secrets.Token, nil
		case giveUp:
			return "", s.expired(h)
		case claimToken:
			token, err := s.claimed(ctx, h, secrets)
			if !errors.Is(err, document.ErrConflict) {
				return token, err
			}
		case waitForToken:
			if err := pause(ctx, waitTime); err != nil {
				return "", err
			}
		}
		if err := s.reload(ctx, h); err != nil {
			return "", err
		}
	}
}

// action is what to do about a token.
type action int

const (
	useToken action = iota
	giveUp
	claimToken
	waitForToken
)

// action decides by what is stored and the time.
func (s *Store) action(rec record, secrets sealedSecrets) action {
	now := s.now()
	known := !rec.Auth.ExpiresAt.IsZero()
	due := rec.Stale || known && now.Add(skew).After(rec.Auth.ExpiresAt)
	usable := !rec.Stale && (!known || now.Before(rec.Auth.ExpiresAt))
	switch {
	case !due:
		return useToken
	case rec.Auth.Refresh == nil || secrets.RefreshToken == "", now.Before(rec.RetryAt):
		if usable {
			return useToken
		}
		return giveUp
	case rec.Claim == nil || !now.Before(rec.Claim.Until):
		return claimToken
	case usable:
		return useToken // the present token lasts until the new one is there
	}
	return waitForToken
}

// expired is the error of a token that ran out.
func (s *Store) expired(h *held) error {
	e := &model.Error{Kind: model.UpstreamDenied, Op: "vault.refresh", Subject: ownID(h.doc),
		Message: "The access token of the credential '" + ownID(h.doc) + "' ran out, and it cannot be refreshed.",
		Hint:    "Put a new access token into the credential."}
	if h.rec.Auth.Refresh != nil && h.rec.Failed != "" {
		e.Message = "The access token of the credential '" + ownID(h.doc) + "' could not be refreshed: " + h.rec.Failed.text()
		e.Kind = h.rec.Failed.kind()
		e.RetryAfter = max(h.rec.RetryAt.Sub(s.now()), 0)
	}
	return e
}

// claimed takes the claim, refreshes and stores the outcome. It answers
// [document.ErrConflict] if somebody else was first.
func (s *Store) claimed(ctx context.Context, h *held, secrets sealedSecrets) (string, error) {
	mine := claim{By: s.cfg.NewID(), Until: s.now().Add(claimTime)}
	h.rec.Claim = &mine
	doc, err := s.put(ctx, h.doc, h.rec)
	if err != nil {
		return "", err
	}
	h.doc = doc
	// A caller that goes away must not lose the refresh token that the endpoint
	// is about to replace.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	answer, failed := s.exchange(ctx, h.rec.Auth.Refresh, secrets)
	if err := s.settle(ctx, h, mine, secrets, answer, failed); err != nil {
		return "", err
	}
	s.audit(ctx, h.doc.Tenant, "credential.refresh", slog.String("credential", ownID(h.doc)),
		slog.String("origin", origin(h.rec.Auth.Refresh.TokenEndpoint)), slog.String("outcome", failed.outcome()))
	now, err := s.open(h.rec, h.doc)
	if err != nil {
		return "", err
	}
	if failed != "" && s.action(h.rec, now) != useToken {
		return "", s.expired(h)
	}
	return now.Token, nil
}

// settle stores what a refresh came to. A grant is tried again until ctx ends,
// whatever fails: the endpoint has replaced the refresh token, and the new one is
// nowhere else.
func (s *Store) settle(ctx context.Context, h *held, mine claim, used sealedSecrets, answer grant, failed failure) error {
	for {
		err := s.outcome(ctx, h, mine, used, answer, failed)
		if err == nil {
			return nil
		}
		// A write that happened although it failed is a conflict the next time.
		if errors.Is(err, document.ErrConflict) {
			err = s.reload(ctx, h)
		}
		switch {
		case err == nil:
		case failed != "", model.AsError(err).Kind == model.NotFound, pause(ctx, waitTime) != nil:
			return err
		}
	}
}

// outcome stores it once. What the client changed meanwhile wins, but a refresh
// token that the endpoint replaced is replaced here too, unless the client did.
func (s *Store) outcome(ctx context.Context, h *held, mine claim, used sealedSecrets, answer grant, failed failure) error {
	secrets, err := s.open(h.rec, h.doc)
	if err != nil {
		return err
	}
	ours := h.rec.Claim != nil && *h.rec.Claim == mine
	if ours {
		h.rec.Claim = nil
	}
	switch {
	case failed != "" && ours:
		h.rec.Failed, h.rec.RetryAt = failed, s.now().Add(retryTime)
	case failed == "":
		s.accept(&h.rec, &secrets, used, answer)
	}
	if err := s.sealAll(&h.rec, h.doc, secrets); err != nil {
		return err
	}
	h.doc.UpdatedAt = s.now()
	doc, err := s.put(ctx, h.doc, h.rec)
	if err == nil {
		h.doc = doc
	}
	return err
}

// accept takes a grant over, where the client did not put something newer.
func (s *Store) accept(rec *record, secrets *sealedSecrets, used sealedSecrets, answer grant) {
	if secrets.RefreshToken == used.RefreshToken {
		replace(&secrets.RefreshToken, answer.RefreshToken)
	}
	if secrets.Token != used.Token {
		return
	}
	secrets.Token = answer.AccessToken
	rec.Auth.ExpiresAt = answer.ends
	rec.Stale, rec.Failed, rec.RetryAt = false, "", time.Time{}
}

// reload reads a credential again.
func (s *Store) reload(ctx context.Context, h *held) error {
	doc, err := s.cfg.Documents.Get(ctx, h.doc.Tenant, h.doc.Kind, h.doc.ID)
	if errors.Is(err, document.ErrNotFound) {
		return noCredential(ownID(h.doc))
	}
	if err != nil {
		return err
	}
	h.doc = doc
	h.rec, err = decodeRecord(doc)
	return err
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
