package edge

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

// maxUploads is how many unfinished uploads a page lists, as S3 has it.
const maxUploads = 1000

// listUploads serves ListMultipartUploads: what fills a quota without being an
// object is found here.
func (s *s3Call) listUploads() error {
	limit := maxUploads
	if text := s.query.Get("max-uploads"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return model.Errorf(model.Invalid, "max-uploads", "Argument max-uploads must be an integer between 0 and 2147483647.")
		}
		limit = min(n, limit)
	}
	uploads, err := s.space.Uploads(s.r.Context(), s.who.Tenant.ID, s.bucket)
	if err != nil {
		return err
	}
	prefix, key, id := s.query.Get("prefix"), s.query.Get("key-marker"), s.query.Get("upload-id-marker")
	uploads = slices.DeleteFunc(uploads, func(u blob.Upload) bool {
		passed := key != "" && (u.Key < key || u.Key == key && (id == "" || cmp.Compare(u.ID, id) <= 0))
		return passed || !strings.HasPrefix(u.Key, prefix)
	})
	type upload struct {
		Key       string
		ID        string `xml:"UploadId"`
		Initiated string
	}
	out := struct {
		XMLName   xml.Name `xml:"ListMultipartUploadsResult"`
		NS        string   `xml:"xmlns,attr"`
		Bucket    string
		KeyMarker string
		IDMarker  string `xml:"UploadIdMarker"`
		NextKey   string `xml:"NextKeyMarker,omitempty"`
		NextID    string `xml:"NextUploadIdMarker,omitempty"`
		Prefix    string
		Max       int      `xml:"MaxUploads"`
		Truncated bool     `xml:"IsTruncated"`
		Uploads   []upload `xml:"Upload"`
	}{NS: s3Namespace, Bucket: s.bucket, KeyMarker: key, IDMarker: id, Prefix: prefix, Max: limit, Truncated: len(uploads) > limit && limit > 0}
	for _, u := range uploads[:min(limit, len(uploads))] {
		out.Uploads = append(out.Uploads, upload{u.Key, u.ID, u.Begun.UTC().Format(s3Time)})
		out.NextKey, out.NextID = u.Key, u.ID
	}
	if !out.Truncated {
		out.NextKey, out.NextID = "", ""
	}
	return s.xml(out)
}
