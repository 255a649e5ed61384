package edge

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

const metaPrefix = "X-Amz-Meta-"

// attributes reads what the client says of an object.
func (s *s3Call) attributes() blob.Attributes {
	h := s.r.Header
	encoding := strings.TrimPrefix(strings.TrimPrefix(h.Get("Content-Encoding"), "aws-chunked"), ",")
	a := blob.Attributes{ContentType: h.Get("Content-Type"), ContentEncoding: strings.TrimSpace(encoding),
		Disposition: h.Get("Content-Disposition"), CacheControl: h.Get("Cache-Control")}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, metaPrefix); ok {
			if a.Metadata == nil {
				a.Metadata = map[string]string{}
			}
			a.Metadata[strings.ToLower(rest)] = strings.Join(values, ",")
		}
	}
	return a
}

func (s *s3Call) putObject() error {
	demand, err := s.condition()
	if err != nil {
		return err
	}
	body, verify, err := s.upload()
	if err != nil {
		return err
	}
	o, err := s.space.PutIf(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, body, s.attributes(), verify, demand)
	if err != nil {
		return err
	}
	s.w.Header().Set("Etag", `"`+o.ETag+`"`)
	s.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *s3Call) copyObject() error {
	if err := s.permit(identity.ObjectRead); err != nil {
		return err
	}
	source, err := url.PathUnescape(s.r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return model.Errorf(model.Invalid, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey.")
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(source, "/"), "/")
	if !ok {
		return model.Errorf(model.Invalid, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey.")
	}
	demand, err := s.condition()
	if err != nil {
		return err
	}
	from, r, err := s.space.Get(s.r.Context(), s.who.Tenant.ID, bucket, key)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.copyable(from); err != nil {
		return err
	}
	attributes := from.Attributes
	if s.r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		attributes = s.attributes()
	}
	o, err := s.space.PutIf(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, r, attributes, nil, demand)
	if err != nil {
		return err
	}
	return s.xml(struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		LastModified string
		ETag         string
	}{LastModified: o.Modified.Format(s3Time), ETag: `"` + o.ETag + `"`})
}

// getObject serves GetObject and HeadObject, with ranges and conditions.
func (s *s3Call) getObject() error {
	o, r, err := s.space.Get(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key)
	if err != nil {
		return err
	}
	defer r.Close()
	h := s.w.Header()
	h.Set("Etag", `"`+o.ETag+`"`)
	h.Set("Last-Modified", httpTime(o.Modified))
	contentType := o.ContentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	for name, value := range map[string]string{"Content-Type": contentType, "Content-Encoding": o.ContentEncoding,
		"Content-Disposition": o.Disposition, "Cache-Control": o.CacheControl} {
		if override := s.query.Get("response-" + strings.ToLower(name)); override != "" {
			value = override
		}
		if value != "" {
			h.Set(name, value)
		}
	}
	for name, value := range o.Metadata {
		h[strings.ToLower(metaPrefix)+name] = []string{value} // S3 writes them in lower case, and boto3 shows them as written
	}
	// What a tenant stored must not run as a page of this server's origin.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	// ServeContent knows ranges, conditions and HEAD.
	if in := s.r.Header; in.Get("Range") == "" && in.Get("If-Match") == "" && in.Get("If-Unmodified-Since") == "" {
		http.ServeContent(s.w, s.r, "", o.Modified, r)
		return nil
	}
	w := &refusalWriter{ResponseWriter: s.w}
	http.ServeContent(w, s.r, "", o.Modified, r)
	if w.refused == 0 {
		return nil
	}
	for _, name := range []string{"Etag", "Last-Modified", "Content-Encoding", "Content-Disposition", "Cache-Control"} {
		h.Del(name) // they speak of the object, and the answer is a document of its own
	}
	if w.refused == http.StatusPreconditionFailed {
		return preconditionFailed()
	}
	return model.Errorf(model.Invalid, "InvalidRange", "The requested range is not satisfiable.")
}

// refusalWriter holds back ServeContent's own words for a range that lies
// outside the object, or a condition that it does not meet: S3 has an error
// document for either.
type refusalWriter struct {
	http.ResponseWriter
	refused int // the status
}

func (w *refusalWriter) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusPreconditionFailed {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusalWriter) Write(p []byte) (int, error) {
	if w.refused != 0 {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

func (s *s3Call) deleteObject() error {
	demand, err := s.condition()
	if err != nil {
		return err
	}
	if err := s.space.DeleteIf(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, demand); err != nil {
		return err
	}
	s.w.WriteHeader(http.StatusNoContent)
	return nil
}

// multipartOperation finds the operation on an upload.
func (s *s3Call) multipartOperation() (s3Handler, bool) {
	switch s.r.Method {
	case http.MethodPost:
		if s.query.Has("uploads") {
			return s3Handler{"object:write", (*s3Call).createUpload}, true
		}
		return s3Handler{"object:write", (*s3Call).completeUpload}, true
	case http.MethodPut:
		return s3Handler{"object:write", (*s3Call).putPart}, s.r.Header.Get("X-Amz-Copy-Source") == ""
	case http.MethodGet:
		return s3Handler{"object:read", (*s3Call).listParts}, s.query.Has("uploadId")
	case http.MethodDelete:
		return s3Handler{"object:write", (*s3Call).abortUpload}, true
	}
	return s3Handler{}, false
}

func (s *s3Call) createUpload() error {
	id, err := s.space.CreateUpload(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, s.attributes())
	if err != nil {
		return err
	}
	return s.xml(struct {
		XMLName xml.Name `xml:"InitiateMultipartUploadResult"`
		NS      string   `xml:"xmlns,attr"`
		Bucket  string
		Key     string
		ID      string `xml:"UploadId"`
	}{NS: s3Namespace, Bucket: s.bucket, Key: s.key, ID: id})
}

func (s *s3Call) putPart() error {
	number, err := strconv.Atoi(s.query.Get("partNumber"))
	if err != nil {
		return model.Errorf(model.Invalid, "partNumber", "Part number must be an integer between 1 and 10000, inclusive.")
	}
	body, verify, err := s.upload()
	if err != nil {
		return err
	}
	p, err := s.space.PutPart(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, s.query.Get("uploadId"), number, body, verify)
	if err != nil {
		return err
	}
	s.w.Header().Set("Etag", `"`+p.ETag+`"`)
	s.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *s3Call) listParts() error {
	parts, err := s.space.Parts(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, s.query.Get("uploadId"))
	if err != nil {
		return err
	}
	type part struct {
		PartNumber int
		ETag       string
		Size       int64
	}
	out := struct {
		XMLName xml.Name `xml:"ListPartsResult"`
		NS      string   `xml:"xmlns,attr"`
		Bucket  string
		Key     string
		ID      string `xml:"UploadId"`
		Parts   []part `xml:"Part"`
	}{NS: s3Namespace, Bucket: s.bucket, Key: s.key, ID: s.query.Get("uploadId")}
	for _, p := range parts {
		out.Parts = append(out.Parts, part{p.Number, `"` + p.ETag + `"`, p.Size})
	}
	return s.xml(out)
}

func (s *s3Call) completeUpload() error {
	raw, err := s.whole(4 << 20)
	if err != nil {
		return err
	}
	var in struct {
		Parts []struct {
			PartNumber int
			ETag       string
		} `xml:"Part"`
	}
	if err := xml.Unmarshal(raw, &in); err != nil {
		return model.Errorf(model.Invalid, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.")
	}
	demand, err := s.condition()
	if err != nil {
		return err
	}
	var want []blob.Part
	for _, p := range in.Parts {
		want = append(want, blob.Part{Number: p.PartNumber, ETag: p.ETag})
	}
	o, err := s.space.CompleteUploadIf(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, s.query.Get("uploadId"), want, demand)
	if err != nil {
		return err
	}
	return s.xml(struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		NS       string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{NS: s3Namespace, Location: "/" + s.bucket + "/" + s.key, Bucket: s.bucket, Key: s.key, ETag: `"` + o.ETag + `"`})
}

func (s *s3Call) abortUpload() error {
	if err := s.space.AbortUpload(s.r.Context(), s.who.Tenant.ID, s.bucket, s.key, s.query.Get("uploadId")); err != nil {
		return err
	}
	s.w.WriteHeader(http.StatusNoContent)
	return nil
}
