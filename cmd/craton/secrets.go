package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
)

type secretsCommand struct {
	Set          secretsSet    `cmd:"" help:"Store a credential, such as an upstream's key; its value is read from standard input."`
	List         secretsList   `cmd:"" help:"List the names of stored credentials."`
	Rm           secretsRm     `cmd:"" help:"Remove a credential."`
	RotateMaster secretsRotate `cmd:"" help:"Replace the master key while the server runs."`
}

type secretsSet struct {
	remote
	Name string `arg:"" help:"What configuration calls it: api_key: {stored: NAME}."`
}

// Run stores the first line of standard input.
func (c secretsSet) Run(ctx context.Context, s streams) error {
	line, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	value := strings.TrimSpace(line)
	if value == "" {
		return errors.New("give the value on standard input: printf %s \"$KEY\" | craton secrets set NAME")
	}
	if err := c.call(ctx, http.MethodPut, "/admin/v1/secrets/"+url.PathEscape(c.Name), map[string]string{"value": value}, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is stored. Name it in the configuration as api_key: {stored: %s}.\n", c.Name, c.Name)
	return err
}

// asked is the vault of a server whose upstreams are asked for their models
// again when a credential changes: without it they had listed none.
type asked struct {
	*secret.Vault
	svc *service
}

// Put stores the credential and asks the upstreams.
func (a asked) Put(ctx context.Context, name, value string) error {
	if err := a.Vault.Put(ctx, name, value); err != nil {
		return err
	}
	a.svc.gateway.Refresh(ctx)
	return nil
}

type secretsList struct{ remote }

// Run prints the names.
func (c secretsList) Run(ctx context.Context, s streams) error {
	var all struct {
		Data []struct {
			Name      string `json:"name"`
			UpdatedAt string `json:"updated_at"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/secrets", nil, &all); err != nil {
		return err
	}
	for _, one := range all.Data {
		fmt.Fprintf(s.out, "%s  %s\n", one.UpdatedAt, one.Name)
	}
	return nil
}

type secretsRm struct {
	remote
	Name string `arg:"" help:"The credential's name."`
}

// Run removes the credential.
func (c secretsRm) Run(ctx context.Context, s streams) error {
	if err := c.call(ctx, http.MethodDelete, "/admin/v1/secrets/"+url.PathEscape(c.Name), nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s is removed.\n", c.Name)
	return err
}

type secretsRotate struct{ remote }

// Run rotates the master key.
func (c secretsRotate) Run(ctx context.Context, s streams) error {
	var done struct {
		Rewrapped int `json:"rewrapped"`
	}
	if err := c.call(ctx, http.MethodPost, "/admin/v1/master-key/rotate", nil, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "A new master key is in use; %d secrets were protected anew. Keep a copy of the key file safe.\n", done.Rewrapped)
	return err
}

// rotateMaster adds a key to the file, uses it, protects everything anew, and
// then forgets the old keys. Interrupted, it is safe to run again: until the
// end both keys are in the file.
func (st *state) rotateMaster(ctx context.Context, path string) (int, error) {
	// Two at once would each drop the key that the other is still using.
	st.rotating.Lock()
	defer st.rotating.Unlock()
	if _, err := secret.AddMasterKey(path, rand.Reader); err != nil {
		return 0, model.Wrap(model.Internal, "craton.rotateMaster", err)
	}
	keys, err := secret.Load(ctx, secret.Source{File: path}, rand.Reader)
	if err != nil {
		return 0, err
	}
	if err := st.sealer.Replace(keys...); err != nil {
		return 0, err
	}
	if err := secret.Admit(ctx, st.db, st.sealer, time.Now()); err != nil {
		return 0, err
	}
	changed, err := secret.RewrapAll(ctx, st.directory.RewrapSecrets, st.keyring.Rewrap, st.vault.Rewrap, st.rewrapVaults)
	if err != nil {
		return changed, err
	}
	if _, err := secret.Retire(ctx, st.db, st.sealer); err != nil {
		return changed, err
	}
	return changed, secret.DropOldMasterKeys(path)
}
