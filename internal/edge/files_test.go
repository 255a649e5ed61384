package edge_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// formPart is a member of a form; one with a file name is a file.
type formPart struct{ name, filename, value string }

// formBody is a multipart body and the header that goes with it.
func formBody(t *testing.T, parts ...formPart) (string, map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		header := textproto.MIMEHeader{}
		disposition := `form-data; name="` + p.name + `"`
		if p.filename != "" {
			disposition += `; filename="` + p.filename + `"`
			header.Set("Content-Type", "application/octet-stream")
		}
		header.Set("Content-Disposition", disposition)
		part, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(p.value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), map[string]string{"Content-Type": w.FormDataContentType()}
}

// upload is a scenario that uploads.
func upload(t *testing.T, name string, status int, want string, parts ...formPart) edgetest.Scenario {
	t.Helper()
	body, header := formBody(t, parts...)
	return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/files", Body: body, Header: header, Status: status, Want: []string{want}}
}

var (
	theFile    = formPart{"file", "notes.md", "# Notes\n"}
	thePurpose = formPart{name: "purpose", value: "user_data"}
)

func TestFiles(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	var ids []string
	keep := func(s edgetest.Scenario, path string) {
		s.Path = path
		s.Then = func(t *testing.T, a *edgetest.Answer) {
			got := parsed(t, a.Body)
			ids = append(ids, got["id"].(string))
			want := map[string]any{"id": got["id"], "object": "file", "bytes": 8.0, "created_at": float64(w.Now().Unix()), "filename": "notes.md",
				"purpose": "user_data", "status": "processed", "status_details": nil}
			if got["expires_at"] != nil {
				want["expires_at"] = want["created_at"].(float64) + 3600
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		w.Run(t, []edgetest.Scenario{s})
		w.Advance(time.Second)
	}
	keep(upload(t, "the purpose first", 200, "", thePurpose, theFile), "/v1/files")
	keep(upload(t, "the file first", 200, "", theFile, formPart{name: "other", value: "x"}, thePurpose), "/openai/v1/files")
	keep(upload(t, "for an hour", 200, `"expires_at"`, formPart{name: "expires_after[anchor]", value: "created_at"}, theFile,
		formPart{name: "expires_after[seconds]", value: "3600"}, thePurpose), "/v1/files")
	if len(ids) != 3 {
		t.Fatal("not all are kept")
	}
	get := func(name, path string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodGet, Path: path, Status: status, Want: want}
	}
	content := get("content", "/v1/files/"+ids[0]+"/content", 200, "# Notes\n")
	content.WantHeader = map[string]string{"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": "attachment; filename=notes.md", "Content-Length": "8", "X-Request-Id": "*"}
	some := get("a range", "/v1/files/"+ids[0]+"/content", 206, "Not")
	some.Header, some.Not = map[string]string{"Range": "bytes=2-4"}, []string{"#", "es"}
	other := get("another tenant's", "/v1/files/"+ids[0]+"/content", 404, `"code":"not_found"`)
	other.As = "other"
	signed := get("signed", "/v1/files/"+ids[0], 200, ids[0])
	signed.As = "aws"
	w.Run(t, []edgetest.Scenario{
		get("get", "/v1/files/"+ids[0], 200, `"filename":"notes.md"`),
		content, some, other, signed,
		get("newest first", "/v1/files?limit=2", 200, `"first_id":"`+ids[2]+`"`, `"last_id":"`+ids[1]+`"`, `"has_more":true`),
		get("the rest", "/v1/files?limit=2&after="+ids[1], 200, `"last_id":"`+ids[0]+`"`, `"has_more":false`),
		get("oldest first", "/v1/files?order=asc", 200, `"first_id":"`+ids[0]+`"`),
		get("of another purpose", "/v1/files?purpose=batch", 200, `"data":[]`),
		get("a wrong limit", "/v1/files?limit=10001", 400, `"param":"limit"`),
		get("a wrong order", "/v1/files?order=up", 400, `"param":"order"`),
		{Name: "delete", Method: http.MethodDelete, Path: "/v1/files/" + ids[0], Want: []string{`{"id":"` + ids[0] + `","object":"file","deleted":true}`}},
		get("deleted", "/v1/files/"+ids[0]+"/content", 404, `"code":"not_found"`),
	})
	w.Advance(time.Hour)
	w.Run(t, []edgetest.Scenario{get("expired", "/v1/files/"+ids[2], 404, `"code":"not_found"`)})
}

// TestBadUploads refuses what is no upload, in any part of it, and keeps none.
func TestBadUploads(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	cut := upload(t, "cut off", 400, "not a whole form", thePurpose, theFile)
	cut.Body = cut.Body[:len(cut.Body)-20]
	inFile := upload(t, "cut off in the file", 400, "not a whole form", thePurpose, theFile)
	inFile.Body = inFile.Body[:strings.Index(inFile.Body, "Notes")]
	plain := upload(t, "JSON", 400, "multipart/form-data")
	plain.Header = map[string]string{"Content-Type": "application/json"}
	many := make([]formPart, 40)
	for i := range many {
		many[i] = formPart{name: "x", value: "y"}
	}
	denied := upload(t, "without permission", 403, "file:write", thePurpose, theFile)
	w.AddKey(t, "approver", identity.KeySpec{Roles: []identity.Role{identity.Approver}})
	denied.As = "approver"
	w.Run(t, []edgetest.Scenario{
		cut, inFile, plain, denied,
		upload(t, "no file", 400, `"param":"file"`, thePurpose),
		upload(t, "a file without a name", 400, `"param":"file"`, thePurpose, formPart{name: "file", value: "x"}),
		upload(t, "no purpose", 400, `"param":"purpose"`, theFile),
		upload(t, "a wrong purpose", 400, `"param":"purpose"`, theFile, formPart{name: "purpose", value: "fun"}),
		upload(t, "two files", 400, "more than one file", theFile, theFile, thePurpose),
		upload(t, "no anchor", 400, "expires_after[anchor]", theFile, thePurpose, formPart{name: "expires_after[seconds]", value: "3600"}),
		upload(t, "too short a life", 400, "expires_after[seconds]", theFile, thePurpose, formPart{name: "expires_after[anchor]", value: "created_at"},
			formPart{name: "expires_after[seconds]", value: "59"}),
		upload(t, "a long value", 400, "longer than", formPart{name: "purpose", value: strings.Repeat("x", 5000)}, theFile),
		upload(t, "many parts", 400, "parts", append(many, theFile, thePurpose)...),
		upload(t, "too large", 413, "limits.max_file_bytes", thePurpose, formPart{"file", "big", strings.Repeat("x", edgetest.MaxFile+1)}),
		upload(t, "larger than other bodies may be", 200, `"bytes":1572864`, thePurpose, formPart{"file", "big", strings.Repeat("x", 3<<19)}),
		{Name: "what is kept", Path: "/v1/files", Method: http.MethodGet, Want: []string{`"bytes":1572864`, `"has_more":false`}, Not: []string{"notes.md"}},
	})
}
