package edge

import (
	"net/http"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/model"
)

// condition reads what a write or a removal demands of the object that is
// there. A demand that is not built is refused: to pass over it would destroy
// what the client meant to keep.
func (s *s3Call) condition() (blob.Condition, error) {
	h := s.r.Header
	c := blob.Condition{Match: h.Get("If-Match"), Absent: h.Get("If-None-Match") == "*"}
	odd := h.Get("If-None-Match") != "" && !c.Absent || c.Absent && c.Match != ""
	for _, name := range []string{"X-Amz-If-Match-Last-Modified-Time", "X-Amz-If-Match-Size", "X-Amz-Write-Offset-Bytes"} {
		odd = odd || h.Get(name) != ""
	}
	if odd {
		return c, notImplemented()
	}
	return c, nil
}

func notImplemented() error {
	return model.Errorf(model.Unsupported, "", "A header or query you provided implies functionality that is not implemented.")
}

// unversioned refuses to speak of a version: buckets have none, and another
// one than the present must not be taken for it. "null" is S3's own name for
// the only one.
func unversioned(id string) error {
	if id != "" && id != "null" {
		return notImplemented()
	}
	return nil
}

// protects reports whether the request wants its object encrypted by a key of
// the client's own, or locked: the client would believe in either.
func (s *s3Call) protects() bool {
	for name := range s.r.Header {
		if strings.HasPrefix(name, "X-Amz-Server-Side-Encryption-Customer-") || strings.HasPrefix(name, "X-Amz-Object-Lock-") {
			return true
		}
	}
	return false
}

func preconditionFailed() error {
	return &model.Error{Kind: model.Conflict, Subject: "key", Code: blob.PreconditionFailed,
		Message: "At least one of the pre-conditions you specified did not hold."}
}

// copyable answers whether the source of a copy is as its headers demand. As in
// HTTP a demand on the ETag prevails over one on the time.
func (s *s3Call) copyable(from *blob.Object) error {
	const prefix = "X-Amz-Copy-Source-If-"
	h := s.r.Header
	same := func(tag string) bool { return tag == "*" || strings.Trim(tag, `"`) == from.ETag }
	newer := func(name string) (is, given bool) {
		at, err := http.ParseTime(h.Get(prefix + name))
		return from.Modified.Truncate(time.Second).After(at), err == nil
	}
	holds := true
	if tag := h.Get(prefix + "Match"); tag != "" {
		holds = same(tag)
	} else if is, given := newer("Unmodified-Since"); given {
		holds = !is
	}
	if tag := h.Get(prefix + "None-Match"); tag != "" {
		holds = holds && !same(tag)
	} else if is, given := newer("Modified-Since"); given {
		holds = holds && is
	}
	if !holds {
		return preconditionFailed()
	}
	return nil
}
