package edge

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

const (
	s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	s3Time      = "2006-01-02T15:04:05.000Z"
)

func (s *s3Call) listBuckets() error {
	buckets, err := s.space.Buckets(s.r.Context(), s.who.Tenant.ID)
	if err != nil {
		return err
	}
	type bucket struct {
		Name         string
		CreationDate string
	}
	out := struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		NS      string   `xml:"xmlns,attr"`
		Owner   string   `xml:"Owner>ID"`
		Buckets []bucket `xml:"Buckets>Bucket"`
	}{NS: s3Namespace, Owner: s.who.Tenant.AccountID}
	for _, b := range buckets {
		out.Buckets = append(out.Buckets, bucket{b.Name, b.Created.UTC().Format(s3Time)})
	}
	return s.xml(out)
}

func (s *s3Call) location() error {
	if err := s.space.HeadBucket(s.r.Context(), s.who.Tenant.ID, s.bucket); err != nil {
		return err
	}
	region := s.h.opts.Region
	if region == "us-east-1" {
		region = "" // as S3 has it
	}
	return s.xml(struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		NS      string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{NS: s3Namespace, Region: region})
}

func (s *s3Call) createBucket() error {
	if _, err := s.whole(64 << 10); err != nil { // proves the body
		return err
	}
	if err := s.space.CreateBucket(s.r.Context(), s.who.Tenant.ID, s.bucket); err != nil {
		return err
	}
	s.w.Header().Set("Location", "/"+s.bucket)
	s.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *s3Call) headBucket() error {
	if err := s.space.HeadBucket(s.r.Context(), s.who.Tenant.ID, s.bucket); err != nil {
		return err
	}
	s.w.Header().Set("X-Amz-Bucket-Region", s.h.opts.Region)
	s.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *s3Call) deleteBucket() error {
	if err := s.space.DeleteBucket(s.r.Context(), s.who.Tenant.ID, s.bucket); err != nil {
		return err
	}
	s.w.WriteHeader(http.StatusNoContent)
	return nil
}

// listing is the answer of both versions of ListObjects.
type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	NS                    string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	MaxKeys               int
	KeyCount              int
	IsTruncated           bool
	ContinuationToken     string         `xml:",omitempty"`
	NextContinuationToken string         `xml:",omitempty"`
	StartAfter            string         `xml:",omitempty"`
	Marker                *string        `xml:",omitempty"`
	NextMarker            string         `xml:",omitempty"`
	Contents              []listedObject `xml:",omitempty"`
	CommonPrefixes        []listedPrefix `xml:",omitempty"`
}

type listedObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

type listedPrefix struct{ Prefix string }

func (s *s3Call) listObjects() error {
	limit := 1000
	if text := s.query.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return model.Errorf(model.Invalid, "max-keys", "Argument max-keys must be an integer between 0 and 2147483647.")
		}
		limit = min(n, 1000)
	}
	v2 := s.query.Get("list-type") == "2"
	after := s.query.Get("marker")
	if v2 {
		after = s.query.Get("start-after")
		if token := s.query.Get("continuation-token"); token != "" {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				return model.Errorf(model.Invalid, "continuation-token", "The continuation token provided is incorrect.")
			}
			after = string(raw)
		}
	}
	page := &blob.Page{}
	var err error
	if limit > 0 {
		page, err = s.space.List(s.r.Context(), s.who.Tenant.ID, s.bucket, blob.Query{
			Prefix: s.query.Get("prefix"), Delimiter: s.query.Get("delimiter"), After: after, Limit: limit,
		})
	} else {
		err = s.space.HeadBucket(s.r.Context(), s.who.Tenant.ID, s.bucket)
	}
	if err != nil {
		return err
	}
	out := s.listing(page, limit)
	if v2 {
		out.KeyCount, out.ContinuationToken, out.StartAfter = len(out.Contents)+len(out.CommonPrefixes), s.query.Get("continuation-token"), s.query.Get("start-after")
		if page.Next != "" {
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(page.Next))
		}
	} else {
		out.Marker, out.NextMarker = &after, page.Next
	}
	return s.xml(out)
}

func (s *s3Call) listing(page *blob.Page, limit int) *listing {
	encode := func(key string) string { return key }
	if s.query.Get("encoding-type") == "url" {
		encode = url.QueryEscape
	}
	out := &listing{NS: s3Namespace, Name: s.bucket, Prefix: encode(s.query.Get("prefix")), Delimiter: encode(s.query.Get("delimiter")),
		EncodingType: s.query.Get("encoding-type"), MaxKeys: limit, IsTruncated: page.Next != ""}
	for _, o := range page.Objects {
		out.Contents = append(out.Contents, listedObject{Key: encode(o.Key), LastModified: o.Modified.UTC().Format(s3Time),
			ETag: `"` + o.ETag + `"`, Size: o.Size, StorageClass: "STANDARD"})
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{encode(p)})
	}
	return out
}

// deleteObjects serves DeleteObjects: up to 1000 keys at once.
func (s *s3Call) deleteObjects() error {
	raw, err := s.whole(2 << 20)
	if err != nil {
		return err
	}
	var in struct {
		Quiet   bool
		Objects []struct{ Key, ETag, VersionId string } `xml:"Object"`
	}
	if err := xml.Unmarshal(raw, &in); err != nil || len(in.Objects) > 1000 {
		return model.Errorf(model.Invalid, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.")
	}
	type deleted struct{ Key string }
	type kept struct{ Key, Code, Message string }
	out := struct {
		XMLName xml.Name  `xml:"DeleteResult"`
		NS      string    `xml:"xmlns,attr"`
		Deleted []deleted `xml:",omitempty"`
		Error   []kept    `xml:",omitempty"`
	}{NS: s3Namespace}
	for _, o := range in.Objects {
		err := unversioned(o.VersionId)
		if err == nil {
			err = s.space.DeleteIf(s.r.Context(), s.who.Tenant.ID, s.bucket, o.Key, blob.Condition{Match: o.ETag})
		}
		e := model.AsError(err)
		switch {
		case e != nil && (e.Code == blob.PreconditionFailed || e.Subject == "key" || e.Kind == model.Unsupported):
			_, code := s3Code(e)
			out.Error = append(out.Error, kept{o.Key, code, e.Public()})
		case err != nil:
			return err
		case !in.Quiet:
			out.Deleted = append(out.Deleted, deleted{o.Key})
		}
	}
	return s.xml(out)
}

// httpTime is the form of Last-Modified.
func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
