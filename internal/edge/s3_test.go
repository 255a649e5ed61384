package edge_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/store/mem"
)

// s3 is a request as boto3's s3 client signs it.
func s3(name, method, path, body string, status int, want ...string) edgetest.Scenario {
	return edgetest.Scenario{Name: name, Method: method, Path: path, As: "aws", Sign: &edgetest.Signing{Service: "s3"}, Body: body,
		Status: status, Want: want, WantHeader: map[string]string{"X-Amz-Request-Id": "*"}}
}

func with(s edgetest.Scenario, header, value string) edgetest.Scenario {
	h := map[string]string{header: value}
	for k, v := range s.Header {
		h[k] = v
	}
	s.Header = h
	return s
}

func showing(s edgetest.Scenario, header, value string) edgetest.Scenario {
	h := map[string]string{header: value}
	for k, v := range s.WantHeader {
		h[k] = v
	}
	s.WantHeader = h
	return s
}

// TestObjects walks through the object space as S3's clients do.
func TestObjects(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	sum := md5.Sum([]byte("0123456789"))
	good, bad := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 16))
	odd := "/bucket/a%20b/%C3%BC+%26%3F.txt"
	w.Run(t, []edgetest.Scenario{
		s3("create", "PUT", "/bucket", "", 200), s3("create again", "PUT", "/bucket", "", 409, "BucketAlreadyOwnedByYou"),
		s3("a bad name", "PUT", "/No_Bucket", "", 400, "InvalidBucketName"), s3("head", "HEAD", "/bucket", "", 200),
		s3("head of none", "HEAD", "/nobucket", "", 404), s3("location", "GET", "/bucket?location", "", 200, "eu-central-1"),
		showing(with(with(s3("put", "PUT", "/bucket/k", "0123456789", 200), "Content-Md5", good), "X-Amz-Meta-Colour", "teal"), "Etag", fmt.Sprintf(`"%x"`, sum)),
		with(s3("put with another digest", "PUT", "/bucket/k", "other", 400, "Digest"), "Content-Md5", bad),
		with(s3("put if there is none", "PUT", "/bucket/k", "other", 412, "<Code>PreconditionFailed</Code>"), "If-None-Match", "*"),
		s3("put into no bucket", "PUT", "/nobucket/k", "x", 404, "NoSuchBucket"),
		showing(showing(s3("get", "GET", "/bucket/k", "", 200, "0123456789"), "X-Amz-Meta-Colour", "teal"), "Content-Type", "application/json"),
		showing(s3("head of an object", "HEAD", "/bucket/k", "", 200), "Content-Length", "10"),
		showing(with(s3("range", "GET", "/bucket/k", "", 206, "345"), "Range", "bytes=3-5"), "Content-Range", "bytes 3-5/10"),
		with(s3("last bytes", "GET", "/bucket/k", "", 206, "89"), "Range", "bytes=-2"),
		with(s3("a range beyond", "GET", "/bucket/k", "", 416), "Range", "bytes=20-"),
		with(s3("unchanged", "GET", "/bucket/k", "", 304), "If-None-Match", fmt.Sprintf(`"%x"`, sum)),
		with(s3("changed", "GET", "/bucket/k", "", 412, "<Code>PreconditionFailed</Code>"), "If-Match", `"0"`),
		showing(s3("another type", "GET", "/bucket/k?response-content-type=text%2Fplain", "", 200), "Content-Type", "text/plain"),
		s3("an odd key", "PUT", odd, "odd", 200), s3("an odd key back", "GET", odd, "", 200, "odd"),
		with(s3("copy", "PUT", "/bucket/copy", "", 200, "CopyObjectResult"), "X-Amz-Copy-Source", "bucket/a%20b/%C3%BC+%26%3F.txt"), s3("copied", "GET", "/bucket/copy", "", 200, "odd"),
		with(s3("copy of none", "PUT", "/bucket/copy", "", 404, "NoSuchKey"), "X-Amz-Copy-Source", "bucket/none"),
		s3("list", "GET", "/bucket?list-type=2&delimiter=/", "", 200, "<Key>k</Key>", "<Prefix>a b/</Prefix>", "<KeyCount>3</KeyCount>", "<IsTruncated>false<"),
		s3("a page", "GET", "/bucket?list-type=2&max-keys=1", "", 200, "<Key>a b/", "<IsTruncated>true<", "NextContinuationToken"),
		s3("list as of old", "GET", "/bucket?marker=copy", "", 200, "<Key>k</Key>", "<Marker>copy</Marker>"),
		s3("a bad token", "GET", "/bucket?list-type=2&continuation-token=%21", "", 400, "InvalidArgument"),
		s3("not empty", "DELETE", "/bucket", "", 409, "BucketNotEmpty"),
		s3("a subresource that is not built", "GET", "/bucket?acl", "", 501, "NotImplemented"),
		s3("delete", "DELETE", "/bucket/k", "", 204), s3("delete again", "DELETE", "/bucket/k", "", 204), s3("gone", "GET", "/bucket/k", "", 404, "NoSuchKey"),
		s3("delete several", "POST", "/bucket?delete", `<Delete><Object><Key>copy</Key></Object><Object><Key>a b/ü+&amp;?.txt</Key></Object></Delete>`, 200, "<Key>copy</Key>"),
		s3("malformed XML", "POST", "/bucket?delete", `<Delete>`, 400, "MalformedXML"),
		s3("empty", "DELETE", "/bucket", "", 204), s3("no buckets", "GET", "/", "", 200, "ListAllMyBucketsResult"),
	})
}

// TestMultipart uploads an object in parts.
func TestMultipart(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.MaxBodyBytes = 64 << 20 }})
	w.Run(t, []edgetest.Scenario{s3("bucket", "PUT", "/bucket", "", 200)})
	begin := s3("", "POST", "/bucket/big?uploads", "", 200)
	upload := regexp.MustCompile(`<UploadId>([^<]+)<`).FindStringSubmatch(w.Do(t, &begin).Body)[1]
	five, last := strings.Repeat("a", 5<<20), "end"
	at := func(n int) string { return fmt.Sprintf("/bucket/big?partNumber=%d&uploadId=%s", n, upload) }
	tag := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	part := func(n int, body string) string {
		return fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, tag(body))
	}
	complete := func(name string, status int, want string, parts ...string) edgetest.Scenario {
		return s3(name, "POST", "/bucket/big?uploadId="+upload, "<CompleteMultipartUpload>"+strings.Join(parts, "")+"</CompleteMultipartUpload>", status, want)
	}
	w.Run(t, []edgetest.Scenario{
		s3("part 1", "PUT", at(1), five, 200), s3("part 3", "PUT", at(3), last, 200), s3("part 3 again", "PUT", at(3), last, 200),
		s3("part 0", "PUT", at(0), last, 400), s3("parts", "GET", "/bucket/big?uploadId="+upload, "", 200, "<PartNumber>3<"),
		s3("not there yet", "GET", "/bucket/big", "", 404, "NoSuchKey"),
		complete("a part that is not there", 400, "InvalidPart", part(1, five), part(4, last)),
		complete("another part", 400, "InvalidPart", part(1, "x")),
		complete("out of order", 400, "InvalidPartOrder", part(3, last), part(1, five)),
		complete("the same part twice", 400, "InvalidPartOrder", part(3, last), part(3, last)),
		s3("part 2", "PUT", at(2), last, 200), complete("too small a part", 400, "EntityTooSmall", part(2, last), part(3, last)),
		complete("complete", 200, `-2`, part(1, five), part(3, last)),
		showing(with(s3("across the parts", "GET", "/bucket/big", "", 206, "aaend"), "Range", "bytes=5242878-"), "Content-Range", "bytes 5242878-5242882/5242883"),
		complete("complete again", 404, "NoSuchUpload", part(1, five)),
		s3("part of nothing", "PUT", at(1), last, 404, "NoSuchUpload"),
	})
}

// TestObjectErrors refuses in S3's own shape.
func TestObjectErrors(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.AddKey(t, "auditor", identity.KeySpec{Roles: []identity.Role{identity.Auditor}})
	bearer := func(name, method, path, as string, status int, want ...string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: method, Path: "/aws/s3" + path, As: as, Status: status, Want: want,
			WantHeader: map[string]string{"Content-Type": "application/xml", "X-Amz-Request-Id": "*"}}
	}
	late := s3("late", "GET", "/", "", 403, "<Code>RequestTimeTooSkewed</Code>", "<RequestId>")
	late.Sign = &edgetest.Signing{Service: "s3", Late: 3600e9}
	none := s3("none", "GET", "/", "", 403, "<Code>")
	none.Sign = &edgetest.Signing{Service: "s3", Tamper: func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential=X", 1))
	}}
	w.Run(t, []edgetest.Scenario{late, none,
		bearer("no key", "GET", "/bucket", edgetest.Nobody, 403, "<Code>AccessDenied</Code>"),
		bearer("a wrong key", "GET", "/bucket", edgetest.Stranger, 403, "<Code>AccessDenied</Code>"),
		bearer("a lesser role", "PUT", "/bucket", "auditor", 403, "<Code>AccessDenied</Code>", "object:write"),
		bearer("a bad escape", "GET", "/bucket/%25zz", "", 404, "NoSuchBucket"),
		{Name: "with a bearer key", Method: "PUT", Path: "/aws/s3/bucket"},
		bearer("a long key", "PUT", "/bucket/"+strings.Repeat("k", 1025), "", 400, "KeyTooLong"),
	})
}

// TestObjectQuota refuses what does not fit, by S3's error document and status,
// and in an answer that clients do not repeat.
func TestObjectQuota(t *testing.T) {
	t.Parallel()
	store := mem.New()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
		o.Objects = blob.New(blob.Config{Documents: store, Content: &blob.Documents{Store: store, Now: o.Now}, Now: o.Now, NewID: o.NewID, Quota: 10})
	}})
	w.Run(t, []edgetest.Scenario{
		s3("bucket", "PUT", "/bucket", "", 200), s3("fits", "PUT", "/bucket/a", "0123456", 200),
		s3("too much", "PUT", "/bucket/b", "0123456", 403, "<Code>QuotaExceeded</Code>", "Delete objects"),
		s3("not there", "GET", "/bucket/b", "", 404, "NoSuchKey"),
		with(s3("copy", "PUT", "/bucket/copy", "", 403, "QuotaExceeded"), "X-Amz-Copy-Source", "bucket/a"),
		s3("delete", "DELETE", "/bucket/a", "", 204), s3("fits now", "PUT", "/bucket/b", "0123456", 200),
	})
}

// TestUnfinishedUploads lists uploads that were not completed, page by page.
func TestUnfinishedUploads(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.Run(t, []edgetest.Scenario{s3("bucket", "PUT", "/bucket", "", 200), s3("none", "GET", "/bucket?uploads", "", 200, "<IsTruncated>false<")})
	ids := map[string]string{}
	for _, key := range []string{"b", "a/1", "a/2"} {
		begin := s3("", "POST", "/bucket/"+key+"?uploads", "", 200)
		ids[key] = regexp.MustCompile(`<UploadId>([^<]+)<`).FindStringSubmatch(w.Do(t, &begin).Body)[1]
	}
	row := func(key string) string {
		return "<Upload><Key>" + key + "</Key><UploadId>" + ids[key] + "</UploadId><Initiated>2026-03-14T"
	}
	w.Run(t, []edgetest.Scenario{
		s3("all", "GET", "/bucket?uploads", "", 200, row("a/1"), row("a/2"), row("b")),
		s3("a prefix", "GET", "/bucket?uploads&prefix=b", "", 200, row("b")),
		s3("a page", "GET", "/bucket?uploads&max-uploads=1", "", 200, row("a/1"), "<NextKeyMarker>a/1<", "<NextUploadIdMarker>"+ids["a/1"]+"<", "<IsTruncated>true<"),
		s3("the next", "GET", "/bucket?uploads&max-uploads=2&key-marker=a/1&upload-id-marker="+ids["a/1"], "", 200, row("a/2"), row("b"), "<IsTruncated>false<"),
		s3("a bad number", "GET", "/bucket?uploads&max-uploads=x", "", 400, "InvalidArgument"),
		s3("of no bucket", "GET", "/nobucket?uploads", "", 404, "NoSuchBucket"),
		s3("abort", "DELETE", "/bucket/b?uploadId="+ids["b"], "", 204),
	})
	rest := s3("", "GET", "/bucket?uploads", "", 200, row("a/1"), row("a/2"))
	if body := w.Do(t, &rest).Body; strings.Contains(body, row("b")) {
		t.Errorf("an aborted upload is listed: %s", body)
	}
}
