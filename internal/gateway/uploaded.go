package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Uploaded is a file that a request names by its id.
type Uploaded struct {
	// Name and MIME are what its owner said when it was uploaded.
	Name, MIME string
	Data       []byte
}

// upload replaces an uploaded file by its content, which every upstream can be
// sent; nil for a file that is not known here.
func (w *walk) upload(id, what string) (*model.Source, error) {
	if have := w.got[what+" "+id]; have != nil {
		return have, nil
	}
	f, err := w.read(w.ctx, id)
	if err != nil || f == nil {
		return nil, err
	}
	got := &model.Source{MIME: f.MIME, Data: f.Data}
	if what != "document" {
		mime, ok := sniff(what, f.MIME, f.Data)
		if !ok {
			return nil, model.Errorf(model.Invalid, "file_id", "The file '%s' does not hold the %s that the request says it does.", id, what).
				WithHint("Name another file, or send it as what it is.")
		}
		got.MIME = mime
	} else if f.MIME == "" || f.MIME == "application/octet-stream" {
		got.MIME, _, _ = strings.Cut(http.DetectContentType(f.Data), ";")
	}
	w.got[what+" "+id] = got
	return got, nil
}

// read reads a file once, however often the request names it.
func (m *media) read(ctx context.Context, id string) (*Uploaded, error) {
	if f, known := m.uploaded[id]; known {
		return f, nil
	}
	if len(m.uploaded) >= maxFetches {
		return nil, model.Errorf(model.Invalid, "file_id", "The request names more than %d files.", maxFetches)
	}
	f, err := m.files(ctx, id)
	if err != nil {
		return nil, err
	}
	m.uploaded[id] = f
	if f == nil {
		return nil, nil
	}
	if m.left -= len(f.Data); m.left < 0 {
		return nil, model.Errorf(model.TooLarge, "file_id", "The files that the request names are larger than %d bytes together.", maxFetchSize)
	}
	return f, nil
}
