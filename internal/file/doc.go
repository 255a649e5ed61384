// Package file keeps the files that clients upload: documents for models to
// read, for searches to look through and for environments to hold. It is for
// the Files API and for whoever resolves a file_id.
//
// It guarantees that a file appears whole or not at all and is durable when
// [Store.Create] returns; that its content never changes under its id; that a
// tenant reaches its own files only, which are no objects of its object space;
// that a file whose time is over is gone for every reader, though its bytes are
// removed by [Store.Sweep] later; and that what a crash leaves is removed too.
//
// Example:
//
//	files := file.New(file.Config{Documents: store, Space: space, Now: time.Now, NewID: newID})
//	f, err := files.Create(ctx, tenant, file.Upload{Name: "a.txt", Content: r, Finish: finish})
//	page, more, err := files.List(ctx, tenant, file.List{Limit: 20})
package file
