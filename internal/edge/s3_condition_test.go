package edge_test

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestConditionalObjects keeps what writers, removers and readers demand of the
// object that is there, and refuses what is not built rather than pass over it.
func TestConditionalObjects(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	tag := func(body string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))) }
	const failed, odd = "<Code>PreconditionFailed</Code>", "<Code>NotImplemented</Code>"
	put := func(name, body string, status int, header, value string, want ...string) edgetest.Scenario {
		return with(s3(name, "PUT", "/bucket/k", body, status, want...), header, value)
	}
	w.Run(t, []edgetest.Scenario{
		s3("bucket", "PUT", "/bucket", "", 200),
		put("over no object", "x", 404, "If-Match", tag("x"), "NoSuchKey"),
		put("the first", "one", 200, "If-None-Match", "*"),
		put("the first again", "two", 412, "If-None-Match", "*", failed),
		put("over another", "two", 412, "If-Match", tag("zero"), failed), s3("it is still there", "GET", "/bucket/k", "", 200, "one"),
		put("over the one known", "two", 200, "If-Match", tag("one")), s3("it is the second", "GET", "/bucket/k", "", 200, "two"),
		put("another demand", "x", 501, "If-None-Match", tag("two"), odd),
		put("an append", "x", 501, "X-Amz-Write-Offset-Bytes", "3", odd),
		with(put("both demands", "x", 501, "If-None-Match", "*", odd), "If-Match", "*"),
		put("a key of the client's own", "x", 501, "X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256", odd),
		put("a lock", "x", 501, "X-Amz-Object-Lock-Legal-Hold", "ON", odd),
		with(s3("read another", "GET", "/bucket/k", "", 412, failed), "If-Match", tag("one")),
		with(s3("read one that is older", "GET", "/bucket/k", "", 412, failed), "If-Unmodified-Since", "Fri, 13 Mar 2026 00:00:00 GMT"),
		with(s3("remove another", "DELETE", "/bucket/k", "", 412, failed), "If-Match", tag("one")),
		with(s3("remove by size", "DELETE", "/bucket/k", "", 501, odd), "X-Amz-If-Match-Size", "3"),
		s3("remove a version", "DELETE", "/bucket/k?versionId=7", "", 501, odd),
		s3("remove several", "POST", "/bucket?delete", "<Delete><Object><Key>k</Key><ETag>0</ETag></Object><Object><Key>k</Key><VersionId>7</VersionId></Object></Delete>", 200,
			"<Error><Key>k</Key><Code>PreconditionFailed</Code>", "<Error><Key>k</Key><Code>NotImplemented</Code>"),
		s3("it is there yet", "GET", "/bucket/k?versionId=null", "", 200, "two"),
		with(s3("remove the one known", "DELETE", "/bucket/k", "", 204), "If-Match", tag("two")),
		with(s3("remove it again", "DELETE", "/bucket/k", "", 404, "NoSuchKey"), "If-Match", "*"),
	})
}

// TestConditionalCopies holds both ends of a copy to what was demanded.
func TestConditionalCopies(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	tag := fmt.Sprintf(`"%x"`, md5.Sum([]byte("one")))
	w.Run(t, []edgetest.Scenario{s3("bucket", "PUT", "/bucket", "", 200), s3("source", "PUT", "/bucket/from", "one", 200)})
	yesterday, tomorrow := edgetest.Start.AddDate(0, 0, -1).Format(http.TimeFormat), edgetest.Start.AddDate(0, 0, 1).Format(http.TimeFormat)
	for i, c := range []struct {
		match, none, modified, unmodified string
		status                            int
	}{
		{match: tag, status: 200}, {match: `"0"`, status: 412}, {none: tag, status: 412}, {none: `"0"`, status: 200},
		{modified: yesterday, status: 200}, {modified: tomorrow, status: 412}, {unmodified: yesterday, status: 412}, {unmodified: tomorrow, status: 200},
		{match: tag, unmodified: yesterday, status: 200}, {none: tag, modified: yesterday, status: 412},
	} {
		scenario := with(s3(fmt.Sprint("copy ", i), "PUT", "/bucket/to", "", c.status), "X-Amz-Copy-Source", "bucket/from")
		for name, value := range map[string]string{"Match": c.match, "None-Match": c.none, "Modified-Since": c.modified, "Unmodified-Since": c.unmodified} {
			if value != "" {
				scenario = with(scenario, "X-Amz-Copy-Source-If-"+name, value)
			}
		}
		w.Run(t, []edgetest.Scenario{scenario})
	}
	w.Run(t, []edgetest.Scenario{
		with(with(s3("over an object", "PUT", "/bucket/to", "", 412, "PreconditionFailed"), "X-Amz-Copy-Source", "bucket/from"), "If-None-Match", "*"),
	})
}

// TestConditionalCompletion keeps the upload where the demand does not hold.
func TestConditionalCompletion(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.Run(t, []edgetest.Scenario{s3("bucket", "PUT", "/bucket", "", 200), s3("there is one", "PUT", "/bucket/k", "old", 200)})
	begin := s3("", "POST", "/bucket/k?uploads", "", 200)
	at := "/bucket/k?uploadId=" + regexp.MustCompile(`<UploadId>([^<]+)<`).FindStringSubmatch(w.Do(t, &begin).Body)[1]
	whole := fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%x</ETag></Part></CompleteMultipartUpload>", md5.Sum([]byte("new")))
	w.Run(t, []edgetest.Scenario{
		s3("part", "PUT", at+"&partNumber=1", "new", 200),
		with(s3("if there is none", "POST", at, whole, 412, "PreconditionFailed"), "If-None-Match", "*"),
		s3("the old one", "GET", "/bucket/k", "", 200, "old"),
		with(s3("over the one known", "POST", at, whole, 200, "-1"), "If-Match", fmt.Sprintf(`"%x"`, md5.Sum([]byte("old")))),
		s3("the new one", "GET", "/bucket/k", "", 200, "new"),
	})
}
