package main

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/file"
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
