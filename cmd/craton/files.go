package main

import (
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/file"
)

// openFiles keeps uploaded files where objects lie, within a quota of their own.
func (st *state) openFiles(cfg *config.Config, content blob.Content) {
	space := blob.New(blob.Config{Documents: st.db, Content: content, Now: time.Now, NewID: uuid.NewString, Quota: cfg.Limits.TenantFileBytes})
	st.files = file.New(file.Config{Documents: st.db, Space: space, Now: time.Now, NewID: uuid.NewString, MaxBytes: cfg.Limits.MaxFileBytes})
}
