package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/vault"
)

// issuer is a token endpoint whose refresh tokens rotate: one that was used is
// refused, and takes its successors with it, as a stolen one would.
type issuer struct {
	t        *testing.T
	mu       sync.Mutex
	n        int
	took     time.Duration
	seen     []string
	reused   bool
	lifetime int
}

func (i *issuer) answer(r *http.Request) *http.Response {
	time.Sleep(i.took) // of the bubble's clock
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		i.t.Error(err)
	}
	i.seen = append(i.seen, r.PostForm.Encode())
	if r.PostForm.Get("refresh_token") != fmt.Sprintf("refresh-%d", i.n) {
		i.reused = true
		return answer(400, `{"error":"invalid_grant"}`)
	}
	i.n++
	return answer(200, fmt.Sprintf(`{"access_token":"access-%d","token_type":"Bearer","expires_in":%d,"refresh_token":"refresh-%d"}`, i.n, i.lifetime, i.n))
}

// TestOneRefreshAtATime has many callers on three replicas ask for a token that
// runs out again and again.
func TestOneRefreshAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		i := &issuer{t: t, took: 3 * time.Second, lifetime: 300}
		w.endpoint = i.answer
		first := w.replica()
		in := w.vault(t, first)
		c := create(t, first, in, oauthSpec(time.Now()))
		var wg sync.WaitGroup
		for range 3 {
			s := w.replica()
			for range 4 {
				wg.Go(func() {
					for range 20 {
						header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in))
						if err != nil {
							t.Error(err)
							return
						}
						if !strings.HasPrefix(header.Get("Authorization"), "Bearer access-") || header.Get("Authorization") == "Bearer access-0" {
							t.Errorf("presented %q", header.Get("Authorization"))
						}
						time.Sleep(97 * time.Second) // of the bubble's clock
					}
				})
			}
		}
		wg.Wait()
		if i.reused {
			t.Error("a refresh token was used twice")
		}
		if i.n < 5 || i.n > 10 {
			t.Errorf("%d refreshes", i.n)
		}
	})
}

// TestTokenRequests sends what RFC 6749 asks for, in each way of a client.
func TestTokenRequests(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		auth            vault.ClientAuth
		resource, scope string
		form, header    string
	}{
		{vault.ClientNone, "", "", "client_id=a%2Bb&grant_type=refresh_token&refresh_token=refresh-0", ""},
		{vault.ClientPost, server, "read write", "client_id=a%2Bb&client_secret=s%3A1&grant_type=refresh_token&refresh_token=refresh-0" +
			"&resource=https%3A%2F%2Fmcp.example.com%2Fmcp&scope=read+write", ""},
		{vault.ClientBasic, "", "", "grant_type=refresh_token&refresh_token=refresh-0", "a%2Bb s%3A1"},
	} {
		w := newWorld(t)
		var form, header string
		w.endpoint = func(r *http.Request) *http.Response {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			user, password, _ := r.BasicAuth()
			form, header = r.PostForm.Encode(), strings.TrimSpace(user+" "+password)
			if r.URL.String() != "https://auth.example.com/token" || r.Method != http.MethodPost {
				t.Errorf("asked %s %s", r.Method, r.URL)
			}
			return answer(200, `{"access_token":"next","expires_in":"60"}`)
		}
		s := w.replica()
		in := w.vault(t, s)
		spec := oauthSpec(time.Now())
		spec.Secrets.ClientSecret = "s:1"
		spec.Auth.Refresh = &vault.Refresh{ClientID: "a+b", TokenEndpoint: "https://auth.example.com/token", ClientAuth: tc.auth, Resource: tc.resource, Scope: tc.scope}
		got, err := s.Authorize(t.Context(), "t1", at(server, create(t, s, in, spec).ID, in))
		if err != nil || got.Get("Authorization") != "Bearer next" || form != tc.form || header != tc.header {
			t.Errorf("%s: %v %v, sent %q and %q", tc.auth, got, err, form, header)
		}
	}
}

// TestFailedRefresh keeps a token while it lasts, says why afterwards, and asks
// again only after a while.
func TestFailedRefresh(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		kind   model.Kind
		says   string
	}{
		{400, `{"error":"invalid_grant","error_description":"hush"}`, model.UpstreamDenied, "invalid_grant"},
		{400, `{"error":"hush"}`, model.UpstreamDenied, "refused"},
		{503, `hush`, model.UpstreamDown, "could not be reached"},
		{302, ``, model.UpstreamGarbage, "something else"},
		{200, `{"access_token":"hush hush"}`, model.UpstreamGarbage, "something else"},
		{200, `{"access_token":"hush","token_type":"mac"}`, model.UpstreamGarbage, "something else"},
		{200, `{}`, model.UpstreamGarbage, "something else"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			asked := 0
			w.endpoint = func(*http.Request) *http.Response { asked++; return answer(tc.status, tc.body) }
			s := w.replica()
			in := w.vault(t, s)
			c := create(t, s, in, oauthSpec(time.Now().Add(40*time.Second)))
			get := func() (string, error) {
				header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in))
				return header.Get("Authorization"), err
			}
			if got, err := get(); err != nil || got != "Bearer access-0" || asked != 1 {
				t.Errorf("while it lasts: %q %v, %d asked", got, err, asked)
			}
			if got, err := get(); err != nil || got != "Bearer access-0" || asked != 1 {
				t.Errorf("at once again: %q %v, %d asked", got, err, asked)
			}
			time.Sleep(41 * time.Second)
			_, err := get()
			if !is(err, tc.kind, c.ID) || !strings.Contains(model.AsError(err).Public(), tc.says) || asked != 2 {
				t.Errorf("afterwards: %v, %d asked", err, asked)
			}
			if _, err := get(); !is(err, tc.kind, c.ID) || model.AsError(err).RetryAfter == 0 || asked != 2 {
				t.Errorf("at once again: %v, %d asked", err, asked)
			}
			if strings.Contains(fmt.Sprint(err, w.log), "hush") {
				t.Errorf("what the endpoint said is shown: %v %s", err, w.log)
			}
			later := time.Now().Add(time.Hour)
			if _, err := s.UpdateCredential(t.Context(), "t1", in, c.ID, vault.Change{}, &vault.Rotation{Kind: vault.OAuth, Secrets: vault.Secrets{Token: "by-hand"}, ExpiresAt: &later}); err != nil {
				t.Fatal(err)
			}
			if got, err := get(); err != nil || got != "Bearer by-hand" {
				t.Errorf("after a rotation: %q %v", got, err)
			}
		})
	}
}

// TestRotationDuringRefresh keeps what the client put in meanwhile.
func TestRotationDuringRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.replica()
	in := w.vault(t, s)
	c := create(t, s, in, oauthSpec(time.Now()))
	w.endpoint = func(*http.Request) *http.Response {
		later := time.Now().Add(time.Hour)
		_, err := s.UpdateCredential(context.Background(), "t1", in, c.ID, vault.Change{Metadata: map[string]string{"k": "v"}},
			&vault.Rotation{Kind: vault.OAuth, Secrets: vault.Secrets{Token: "by-hand"}, ExpiresAt: &later})
		if err != nil {
			t.Error(err)
		}
		return answer(200, `{"access_token":"by-endpoint","refresh_token":"refresh-1"}`)
	}
	header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in))
	if err != nil || header.Get("Authorization") != "Bearer by-hand" {
		t.Errorf("%v %v", header, err)
	}
	w.endpoint = func(r *http.Request) *http.Response {
		if err := r.ParseForm(); err != nil || r.PostForm.Get("refresh_token") != "refresh-1" {
			t.Errorf("asked with %q: %v", r.PostForm.Get("refresh_token"), err)
		}
		return answer(200, `{"access_token":"later"}`)
	}
	if again, err := s.Refused(t.Context(), "t1", at(server, c.ID, in), header); err != nil || !again {
		t.Errorf("refused: %v %v", again, err)
	}
	if again, err := s.Refused(t.Context(), "t1", at(server, c.ID, in), header); err != nil || !again {
		t.Errorf("refused twice: %v %v", again, err)
	}
	if header, err = s.Authorize(t.Context(), "t1", at(server, c.ID, in)); err != nil || header.Get("Authorization") != "Bearer later" {
		t.Errorf("%v %v", header, err)
	}
	kept, err := s.Credential(t.Context(), "t1", in, c.ID)
	if err != nil || kept.Metadata["k"] != "v" || !kept.Auth.ExpiresAt.IsZero() {
		t.Errorf("%+v %v", kept, err)
	}
}

// cut is a store that a replica cannot write to any more.
type cut struct {
	document.Store
	off bool
}

func (c *cut) Put(ctx context.Context, doc document.Document) (document.Document, error) {
	if c.off {
		return doc, errors.New("cut off")
	}
	return c.Store.Put(ctx, doc)
}

// TestDeadClaim takes over from a replica that died while it refreshed, but not
// before its claim ran out.
func TestDeadClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.replica()
		in := w.vault(t, s)
		c := create(t, s, in, oauthSpec(time.Now()))
		store := w.docs
		dying := &cut{Store: store}
		w.docs = dying
		w.endpoint = func(*http.Request) *http.Response { dying.off = true; return answer(503, "") }
		if _, err := w.replica().Authorize(t.Context(), "t1", at(server, c.ID, in)); err == nil {
			t.Error("the dying replica has a token")
		}
		w.docs = store
		w.endpoint = func(*http.Request) *http.Response { return answer(200, `{"access_token":"next"}`) }
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := s.Authorize(ctx, "t1", at(server, c.ID, in)); !is(err, model.Timeout, "") {
			t.Errorf("while it is claimed: %v", err)
		}
		header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in))
		if err != nil || header.Get("Authorization") != "Bearer next" {
			t.Errorf("%v %v", header, err)
		}
		if waited := time.Since(began); waited < 20*time.Second || waited > 2*time.Minute {
			t.Errorf("taken over after %s", waited)
		}
	})
}

// shaky is a store that fails now and then once it is told to: the first write is
// lost, of the second only the answer, and the read that follows fails too.
type shaky struct {
	document.Store
	shaken       bool
	writes, gets int
}

var errShaken = errors.New("the database is gone for a moment")

func (s *shaky) Put(ctx context.Context, doc document.Document) (document.Document, error) {
	if s.shaken {
		switch s.writes++; s.writes {
		case 1:
			return doc, errShaken
		case 2:
			_, err := s.Store.Put(ctx, doc)
			return doc, errors.Join(err, errShaken)
		}
	}
	return s.Store.Put(ctx, doc)
}

func (s *shaky) Get(ctx context.Context, tenant, kind, id string) (document.Document, error) {
	if s.shaken {
		if s.gets++; s.gets == 1 {
			return document.Document{}, errShaken
		}
	}
	return s.Store.Get(ctx, tenant, kind, id)
}

// TestGrantOutlivesFailedWrites keeps a refresh token that rotated although the
// store fails when it is to be written.
func TestGrantOutlivesFailedWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &shaky{Store: w.docs}
		w.docs = store
		i := &issuer{t: t, lifetime: 300}
		w.endpoint = func(r *http.Request) *http.Response {
			store.shaken = i.n == 0
			return i.answer(r)
		}
		s := w.replica()
		in := w.vault(t, s)
		c := create(t, s, in, oauthSpec(time.Now()))
		for n := range 2 {
			header, err := s.Authorize(t.Context(), "t1", at(server, c.ID, in))
			if want := fmt.Sprintf("Bearer access-%d", n+1); err != nil || header.Get("Authorization") != want {
				t.Errorf("presented %q, %v, want %q", header.Get("Authorization"), err, want)
			}
			time.Sleep(5 * time.Minute) // of the bubble's clock
		}
		if i.reused {
			t.Error("a refresh token was used twice")
		}
		if store.writes < 3 || store.gets < 2 {
			t.Errorf("the store was not shaken: %d writes, %d reads", store.writes, store.gets)
		}
	})
}
