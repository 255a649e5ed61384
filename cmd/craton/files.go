package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/file/plaintext"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool/builtin"
)

// openFiles keeps uploaded files where objects lie, within a quota of their own.
func (st *state) openFiles(cfg *config.Config, content blob.Content) {
	space := blob.New(blob.Config{Documents: st.db, Content: content, Now: time.Now, NewID: uuid.NewString, Quota: cfg.Limits.TenantFileBytes})
	st.files = file.New(file.Config{Documents: st.db, Space: space, Now: time.Now, NewID: uuid.NewString, MaxBytes: cfg.Limits.MaxFileBytes})
}

// searched shows files to the search among the built-in tools.
type searched struct{ files *file.Store }

// Each implements [builtin.Files].
func (s searched) Each(ctx context.Context, tenant string, fn func(builtin.File) error) error {
	return s.files.Each(ctx, tenant, func(f file.File, open func() (io.ReadCloser, error)) error {
		return fn(builtin.File{ID: f.ID, Name: f.Name, MIME: f.MIME, Size: f.Size, Open: open})
	})
}

// uploaded reads a caller's file for a request that names it; nil for one that
// is not known here.
func (st *state) uploaded(ctx context.Context, who identity.Principal, id string, most int) (*gateway.Uploaded, error) {
	f, content, err := st.files.Open(ctx, who.Tenant.ID, id)
	if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	switch {
	case !who.Can(identity.FileRead):
		return nil, model.Errorf(model.Forbidden, string(identity.FileRead), "This credential may not read the file '%s'.", id).
			WithHint("Ask an administrator for a key with a role that allows file:read.")
	case f.Size > int64(most):
		return nil, model.Errorf(model.TooLarge, "file_id", "The file '%s' has %d bytes: more than a request may send in all.", id, f.Size)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, model.Wrap(model.Internal, "craton.uploaded", err)
	}
	return &gateway.Uploaded{Name: f.Name, MIME: f.MIME, Data: data}, nil
}

// plaintextCommand is the child process that reads one uploaded document.
type plaintextCommand struct{}

// Run speaks with the server on standard input and output.
func (plaintextCommand) Run(s streams) error {
	if plaintext.Main(s.in, s.out) != 0 {
		return errors.New("the document was not read")
	}
	return nil
}

// documents reads uploaded documents in children of this binary; nil where it
// cannot tell where it lies.
func documents(cfg config.FileSearchTool) builtin.Documents {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return plaintext.NewReader(plaintext.Limits{Memory: int64(cfg.ParserMemoryMB) << 20, Children: cfg.Parsers}, self, "plaintext")
}
