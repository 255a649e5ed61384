package edge

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// s3Dialect is the XML error shape of S3's REST API.
var s3Dialect = &dialect{
	name: "s3", requestID: "X-Amz-Request-Id", contentType: "application/xml",
	encodeError: func(_ http.Header, id string, err *model.Error) (int, []byte) {
		status, code := s3Code(err)
		body, merr := xml.Marshal(struct {
			XMLName   xml.Name `xml:"Error"`
			Code      string
			Message   string
			RequestID string `xml:"RequestId"`
		}{Code: code, Message: err.Public(), RequestID: id})
		if merr != nil {
			return http.StatusInternalServerError, nil
		}
		return status, append([]byte(xml.Header), body...)
	},
}

// badDigest is the code for a body that does not have the sum its sender stated.
const badDigest = "BadDigest"

// s3Code is the status and code of an error, in S3's words where there are some.
func s3Code(err *model.Error) (int, string) {
	var refusal *sigv4.Error
	switch {
	case errors.As(err.Err, &refusal):
		return refusal.Status, refusal.Code
	case err.Code == blob.QuotaExceeded:
		return http.StatusForbidden, err.Code // a 5xx would be sent again
	case err.Code == blob.PreconditionFailed:
		return http.StatusPreconditionFailed, err.Code
	case err.Kind == model.NotFound && err.Subject == "bucket":
		return http.StatusNotFound, "NoSuchBucket"
	case err.Kind == model.NotFound && err.Subject == "uploadId":
		return http.StatusNotFound, "NoSuchUpload"
	case err.Kind == model.NotFound:
		return http.StatusNotFound, "NoSuchKey"
	case err.Kind == model.Conflict && strings.Contains(err.Message, "not empty"):
		return http.StatusConflict, "BucketNotEmpty"
	case err.Kind == model.Conflict:
		return http.StatusConflict, "BucketAlreadyOwnedByYou"
	case err.Kind == model.Unauthenticated, err.Kind == model.Forbidden:
		return http.StatusForbidden, "AccessDenied"
	case err.Kind == model.Unsupported:
		return http.StatusNotImplemented, "NotImplemented"
	case err.Kind == model.TooLarge:
		return http.StatusBadRequest, "EntityTooLarge"
	case err.Kind == model.Overloaded:
		return http.StatusServiceUnavailable, "SlowDown"
	case err.Kind == model.Invalid && err.Subject == badDigest:
		return http.StatusBadRequest, badDigest
	case err.Kind == model.Invalid && err.Subject == "bucket":
		return http.StatusBadRequest, "InvalidBucketName"
	case err.Kind == model.Invalid && err.Subject == "key":
		return http.StatusBadRequest, "KeyTooLongError"
	case err.Kind == model.Invalid && err.Subject == "InvalidRange":
		return http.StatusRequestedRangeNotSatisfiable, err.Subject
	case err.Kind == model.Invalid && strings.HasPrefix(err.Subject, "Invalid"), err.Kind == model.Invalid && strings.HasPrefix(err.Subject, "E"),
		err.Kind == model.Invalid && strings.HasPrefix(err.Subject, "MalformedXML"):
		return http.StatusBadRequest, err.Subject
	case err.Kind == model.Invalid:
		return http.StatusBadRequest, "InvalidArgument"
	}
	return http.StatusInternalServerError, "InternalError"
}

// s3Call is a request to the object space.
type s3Call struct {
	*call
	space       *blob.Space
	bucket, key string
	query       url.Values
	proof       *sigv4.Result // nil for a bearer key
}

// s3Handler serves one operation.
type s3Handler struct {
	action identity.Action
	serve  func(*s3Call) error
}

// serveS3 serves a request to the tenant's object space, path style: path is
// BUCKET/KEY, escaped.
func (h *Handler) serveS3(w http.ResponseWriter, r *http.Request, path string) {
	s := &s3Call{call: h.newCall(w, r, s3Dialect), space: h.opts.Objects, query: r.URL.Query()}
	bucket, key, _ := strings.Cut(path, "/")
	var err, kerr error
	s.bucket, err = url.PathUnescape(bucket)
	s.key, kerr = url.PathUnescape(key)
	if err != nil || kerr != nil {
		s.finish(model.Errorf(model.Invalid, "key", "The path is not validly escaped."))
		return
	}
	s.run(func() error {
		op, ok := s.operation()
		if h.opts.Objects == nil || !ok {
			if err := s.admitS3(identity.ObjectRead); err != nil {
				return err
			}
			return notImplemented()
		}
		if err := s.admitS3(op.action); err != nil {
			return err
		}
		return op.serve(s)
	})
}

// operation finds the operation by method, path and subresource.
func (s *s3Call) operation() (s3Handler, bool) {
	read, write := identity.ObjectRead, identity.ObjectWrite
	method := s.r.Method
	for _, sub := range []string{"acl", "policy", "tagging", "versioning", "cors", "lifecycle", "encryption", "website", "notification",
		"replication", "logging", "object-lock", "retention", "legal-hold", "torrent", "select", "versions", "restore"} {
		if s.query.Has(sub) {
			return s3Handler{}, false
		}
	}
	if unversioned(s.query.Get("versionId")) != nil || s.protects() {
		return s3Handler{}, false
	}
	switch {
	case s.bucket == "":
		return s3Handler{read, (*s3Call).listBuckets}, method == http.MethodGet
	case s.key == "" && s.query.Has("location"):
		return s3Handler{read, (*s3Call).location}, method == http.MethodGet
	case s.key == "":
		switch method {
		case http.MethodPut:
			return s3Handler{write, (*s3Call).createBucket}, true
		case http.MethodHead:
			return s3Handler{read, (*s3Call).headBucket}, true
		case http.MethodDelete:
			return s3Handler{write, (*s3Call).deleteBucket}, true
		case http.MethodGet:
			if s.query.Has("uploads") {
				return s3Handler{read, (*s3Call).listUploads}, true
			}
			return s3Handler{read, (*s3Call).listObjects}, true
		case http.MethodPost:
			return s3Handler{write, (*s3Call).deleteObjects}, s.query.Has("delete")
		}
		return s3Handler{}, false
	case s.query.Has("uploads") || s.query.Has("uploadId"):
		return s.multipartOperation()
	}
	switch method {
	case http.MethodPut:
		if s.r.Header.Get("X-Amz-Copy-Source") != "" {
			return s3Handler{write, (*s3Call).copyObject}, true
		}
		return s3Handler{write, (*s3Call).putObject}, true
	case http.MethodGet, http.MethodHead:
		return s3Handler{read, (*s3Call).getObject}, true
	case http.MethodDelete:
		return s3Handler{write, (*s3Call).deleteObject}, true
	}
	return s3Handler{}, false
}

// admitS3 authenticates by S3's signing rule and checks the permission. The
// body is proved while it is read.
func (s *s3Call) admitS3(action identity.Action) error {
	auth := s.h.auth
	var err error
	if token, given := bearer(s.r); given {
		err = auth.byToken(s.call, token)
	} else {
		s.proof, err = auth.bySignature(s.call, sigv4.FromHTTP(s.r), auth.objects)
	}
	if err != nil {
		return err
	}
	return s.permit(action)
}

// content is the request's body without chunk framing, proved as it is read.
func (s *s3Call) content() io.Reader {
	if s.proof == nil {
		return &capped{s.r.Body, maxPut}
	}
	return &capped{&provedBody{body: s.proof.Reader(s.r.Body)}, maxPut}
}

// maxPut is how much one PutObject or UploadPart may store, as S3 has it.
const maxPut = 5 << 30

// capped is a reader that fails beyond left bytes.
type capped struct {
	io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, model.Errorf(model.TooLarge, "key", "Your proposed upload exceeds the maximum allowed size.").WithHint("Upload it in parts.")
	}
	return n, err
}

// whole reads the body of at most most bytes. What proves a body comes at its
// end: a longer one is refused rather than acted upon in part.
func (s *s3Call) whole(most int64) ([]byte, error) { return readWhole(s.content(), most) }

func readWhole(body io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, tooLarge(most)
	}
	return raw, nil
}

// provedBody words what the proof finds for the client.
type provedBody struct{ body io.Reader }

func (p *provedBody) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = signatureError(err)
	}
	return n, err
}

// xml answers 200 with an XML document.
func (s *s3Call) xml(v any) error {
	body, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	s.w.Header().Set("Content-Type", "application/xml")
	_, err = s.w.Write(append([]byte(xml.Header), body...))
	return err
}
