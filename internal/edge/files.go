package edge

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/file"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// fileRoutes lists the Files API.
func (h *Handler) fileRoutes() {
	if h.opts.Files == nil {
		return
	}
	for _, prefix := range []string{"/v1", "/openai/v1"} {
		h.handle("POST "+prefix+"/files", filesAPI, identity.FileWrite, h.createFile)
		h.handle("GET "+prefix+"/files", filesAPI, identity.FileRead, h.listFiles)
		h.handle("GET "+prefix+"/files/{id}", filesAPI, identity.FileRead, h.getFile)
		h.handle("DELETE "+prefix+"/files/{id}", filesAPI, identity.FileWrite, h.deleteFile)
		h.handle("GET "+prefix+"/files/{id}/content", filesAPI, identity.FileRead, h.fileContent)
	}
}

// createFile serves POST /v1/files. The file goes to its place as it comes: the
// bound on bodies that are kept in memory does not hold for it.
func (h *Handler) createFile(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	part, err := form.file()
	if err != nil {
		return err
	}
	kept, err := h.opts.Files.Create(c.r.Context(), c.who.Tenant.ID, file.Upload{
		Name: part.FileName(), MIME: part.Header.Get("Content-Type"), Content: partReader{part}, Finish: form.finish,
	})
	if err != nil {
		return err
	}
	return c.answer(shownFile(kept))
}

func (h *Handler) getFile(c *call) error {
	f, err := h.opts.Files.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(shownFile(f))
}

func (h *Handler) deleteFile(c *call) error {
	id := c.r.PathValue("id")
	if err := h.opts.Files.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	return c.answer(openai.FileDeleted{ID: id, Object: openai.ObjectFile, Deleted: true})
}

// fileContent serves a file's bytes, or a range of them. They are the client's
// own and might be a page: a browser is told to store and not to show them.
func (h *Handler) fileContent(c *call) error {
	f, r, err := h.opts.Files.Open(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	defer r.Close()
	header := c.w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	header.Set("Etag", strconv.Quote(f.ID))
	http.ServeContent(c.w, c.r, "", f.Created, r)
	return nil
}

// maxFiles is the length of the longest page of files, and of one nobody bounds.
const maxFiles = 10000

func (h *Handler) listFiles(c *call) error {
	query := c.r.URL.Query()
	list := file.List{After: query.Get("after"), Purpose: file.Purpose(query.Get("purpose")), Limit: maxFiles}
	if query.Has("limit") {
		n, err := strconv.Atoi(query.Get("limit"))
		if err != nil || n < 1 || n > maxFiles {
			return model.Errorf(model.Invalid, "limit", "limit must be a whole number from 1 to %d.", maxFiles)
		}
		list.Limit = n
	}
	switch query.Get("order") {
	case "", "desc":
	case "asc":
		list.Ascending = true
	default:
		return model.Errorf(model.Invalid, "order", "order must be 'asc' or 'desc'.")
	}
	page, more, err := h.opts.Files.List(c.r.Context(), c.who.Tenant.ID, list)
	if err != nil {
		return err
	}
	return agentsList(c, page, more, shownFile, func(f openai.File) string { return f.ID })
}

func shownFile(f file.File) openai.File {
	shown := openai.File{ID: f.ID, Object: openai.ObjectFile, Bytes: f.Size, CreatedAt: f.Created.Unix(), Filename: f.Name,
		Purpose: string(f.Purpose), Status: "processed"}
	if !f.Expires.IsZero() {
		shown.ExpiresAt = f.Expires.Unix()
	}
	return shown
}

// form is a multipart body that is read as it comes, its members in any order.
type form struct {
	*multipart.Reader
	parts   int
	purpose string
	anchor  string
	seconds string
}

// Bounds of what stands beside the file.
const (
	maxParts = 32
	maxValue = 4 << 10
)

// form reads the beginning of a multipart body. That of a signed request was
// read to be verified.
func (c *call) form() (*form, error) {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, model.Errorf(model.Invalid, "file", "The request must be of type multipart/form-data.").
			WithHint("The official SDKs send it so.")
	}
	var body io.Reader = c.r.Body
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	return &form{Reader: multipart.NewReader(body, params["boundary"])}, nil
}

// file reads up to the file.
func (f *form) file() (*multipart.Part, error) {
	part, err := f.next()
	if err == nil && part == nil {
		err = model.Errorf(model.Invalid, "file", "Missing required parameter: 'file'.")
	}
	return part, err
}

// finish reads what comes after the file, and says what was asked for.
func (f *form) finish() (file.Terms, error) {
	switch part, err := f.next(); {
	case err != nil:
		return file.Terms{}, err
	case part != nil:
		return file.Terms{}, model.Errorf(model.Invalid, "file", "The request holds more than one file.").WithHint("Send one file with each request.")
	case f.purpose == "":
		return file.Terms{}, model.Errorf(model.Invalid, "purpose", "Missing required parameter: 'purpose'.")
	}
	life, err := f.life()
	return file.Terms{Purpose: file.Purpose(f.purpose), Life: life}, err
}

// life is how long the file is to be kept; 0 where nothing was said.
func (f *form) life() (time.Duration, error) {
	if f.anchor == "" && f.seconds == "" {
		return 0, nil
	}
	if f.anchor != "created_at" {
		return 0, model.Errorf(model.Invalid, "expires_after.anchor", "expires_after[anchor] must be 'created_at'.")
	}
	n, err := strconv.ParseInt(f.seconds, 10, 64)
	if err != nil || n < 3600 || n > 2592000 {
		return 0, model.Errorf(model.Invalid, "expires_after.seconds", "expires_after[seconds] must be from 3600 (an hour) to 2592000 (30 days).")
	}
	return time.Duration(n) * time.Second, nil
}

// next reads values up to the next file; nil at the end.
func (f *form) next() (*multipart.Part, error) {
	for {
		part, err := f.NextPart()
		if err == io.EOF { // wrapped, it is of a body without a closing boundary
			return nil, nil
		}
		if err != nil {
			return nil, cutForm(err)
		}
		if f.parts++; f.parts > maxParts {
			return nil, model.Errorf(model.Invalid, "", "The request has more than %d parts.", maxParts)
		}
		if part.FormName() == "file" {
			return part, nil
		}
		if err := f.value(part); err != nil {
			return nil, err
		}
	}
}

// value reads a member that is no file. Unknown ones are passed over.
func (f *form) value(part *multipart.Part) error {
	name := part.FormName()
	raw, err := io.ReadAll(io.LimitReader(part, maxValue+1))
	switch {
	case err != nil:
		return cutForm(err)
	case len(raw) > maxValue:
		return model.Errorf(model.Invalid, strings.ToValidUTF8(truncate(name, 64), "?"), "A value beside the file is longer than %d bytes.", maxValue)
	}
	switch name {
	case "purpose":
		f.purpose = string(raw)
	case "expires_after[anchor]":
		f.anchor = string(raw)
	case "expires_after[seconds]":
		f.seconds = string(raw)
	}
	return nil
}

// partReader tells a body that is cut off or malformed from a fault of ours.
type partReader struct{ part *multipart.Part }

func (p partReader) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	if err != nil && err != io.EOF {
		err = cutForm(err)
	}
	return n, err
}

// cutForm is the error of a body that does not end as a form does.
func cutForm(err error) error {
	e := model.Wrap(model.Invalid, "edge.form", err)
	e.Message, e.Hint = "The request body is not a whole form.", "Send every part and the closing boundary."
	return e
}
