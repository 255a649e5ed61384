package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRefusals fixes code and status of every reason in both contracts.
func TestRefusals(t *testing.T) {
	t.Parallel()
	generic, s3 := goodRequests["plain"], goodRequests["S3 plain"]
	signed := goodRequests["presigned"]
	with := func(s signing, f func(*signing)) signing { f(&s); return s }
	nothing := func(*Request) {}
	for name, c := range map[string]struct {
		s      signing
		now    time.Time
		change func(*Request)
		reason Reason
		code   string
		status int
		text   string
	}{
		"none":              {generic, testTime, func(r *Request) { r.Header.Del("Authorization") }, Missing, "MissingAuthenticationTokenException", 403, "Missing Authentication Token"},
		"bearer":            {generic, testTime, func(r *Request) { r.Header.Set("Authorization", "Bearer x") }, Missing, "MissingAuthenticationTokenException", 403, ""},
		"none, S3":          {s3, testTime, func(r *Request) { r.Header.Del("Authorization") }, Missing, "AccessDenied", 403, ""},
		"no signature":      {generic, testTime, cutAuth(", Signature="), Incomplete, "IncompleteSignatureException", 400, "'Signature'"},
		"odd parameter":     {generic, testTime, replaceAuth("SignedHeaders", "Signed"), Incomplete, "IncompleteSignatureException", 400, "Signed"},
		"short scope":       {generic, testTime, replaceAuth("/eu-west-1/bedrock", ""), Incomplete, "IncompleteSignatureException", 400, "Credential"},
		"empty scope part":  {generic, testTime, replaceAuth("/eu-west-1/", "//"), Incomplete, "IncompleteSignatureException", 400, "Credential"},
		"upper case":        {generic, testTime, replaceAuth("host;", "Host;"), Incomplete, "IncompleteSignatureException", 400, "SignedHeaders"},
		"listed twice":      {generic, testTime, replaceAuth("host;", "host;host;"), Incomplete, "IncompleteSignatureException", 400, "SignedHeaders"},
		"list too long":     {generic, testTime, replaceAuth("host;", "host"+strings.Repeat(";x", 200)+";"), Incomplete, "IncompleteSignatureException", 400, "too many"},
		"signature no hex":  {generic, testTime, replaceAuth("Signature=", "Signature=zz"), Incomplete, "IncompleteSignatureException", 400, "hexadecimal"},
		"no date":           {generic, testTime, func(r *Request) { r.Header.Del("X-Amz-Date") }, Incomplete, "IncompleteSignatureException", 400, "Date"},
		"odd date":          {generic, testTime, func(r *Request) { r.Header.Set("X-Amz-Date", "2026-03-04T05:06:07Z") }, Incomplete, "IncompleteSignatureException", 400, "ISO-8601"},
		"fraction":          {generic, testTime, func(r *Request) { r.Header.Set("X-Amz-Date", "20260304T050607.5Z") }, Incomplete, "IncompleteSignatureException", 400, "ISO-8601"},
		"host unsigned":     {generic, testTime, replaceAuth("host;", ""), UnsignedParts, "IncompleteSignatureException", 400, "Host"},
		"wrong service":     {with(generic, func(s *signing) { s.service = "s3" }), testTime, nothing, WrongScope, "InvalidSignatureException", 403, "'bedrock' or 'bedrock-agentcore'"},
		"wrong service, S3": {with(s3, func(s *signing) { s.service = "bedrock" }), testTime, nothing, WrongScope, "AuthorizationHeaderMalformed", 400, "'s3'"},
		"late":              {generic, testTime.Add(16 * time.Minute), nothing, Skewed, "InvalidSignatureException", 403, "Signature expired: 20260304T050607Z is now earlier than 20260304T050707Z (20260304T052207Z - 15 min.)"},
		"early":             {generic, testTime.Add(-16 * time.Minute), nothing, Skewed, "InvalidSignatureException", 403, "Signature not yet current: 20260304T050607Z is still later than 20260304T050507Z (20260304T045007Z + 15 min.)"},
		"late, S3":          {s3, testTime.Add(16 * time.Minute), nothing, Skewed, "RequestTimeTooSkewed", 403, ""},
		"early, S3":         {s3, testTime.Add(-16 * time.Minute), nothing, Skewed, "RequestTimeTooSkewed", 403, ""},
		"expired":           {signed, testTime.Add(601 * time.Second), nothing, Expired, "InvalidSignatureException", 403, "Signature expired"},
		"expired, S3":       {goodRequests["S3 presigned"], testTime.Add(601 * time.Second), nothing, Expired, "AccessDenied", 403, "Request has expired"},
		"expiry too long":   {signed, testTime, func(r *Request) { r.Query = strings.Replace(r.Query, "X-Amz-Expires=600", "X-Amz-Expires=604801", 1) }, Incomplete, "IncompleteSignatureException", 400, "604800"},
		"expiry gone":       {signed, testTime, func(r *Request) { r.Query = strings.Replace(r.Query, "X-Amz-Expires=600", "", 1) }, Incomplete, "IncompleteSignatureException", 400, "X-Amz-Expires"},
		"unknown key":       {with(generic, func(s *signing) { s.key = "AKIANOBODY" }), testTime, nothing, UnknownKey, "UnrecognizedClientException", 403, "The security token included in the request is invalid."},
		"unknown key, S3":   {with(s3, func(s *signing) { s.key = "AKIANOBODY" }), testTime, nothing, UnknownKey, "InvalidAccessKeyId", 403, ""},
		"token not ours":    {with(generic, func(s *signing) { s.token = "x" }), testTime, nothing, BadToken, "UnrecognizedClientException", 403, ""},
		"token missing":     {with(generic, func(s *signing) { s.key = "ASIATEMP" }), testTime, nothing, BadToken, "UnrecognizedClientException", 403, ""},
		"token missing, S3": {with(s3, func(s *signing) { s.key = "ASIATEMP" }), testTime, nothing, BadToken, "InvalidToken", 400, ""},
		"token ended":       {with(generic, func(s *signing) { s.key, s.token = "ASIAENDED", testToken }), testTime, nothing, ExpiredToken, "ExpiredTokenException", 403, ""},
		"token ended, S3":   {with(s3, func(s *signing) { s.key, s.token = "ASIAENDED", testToken }), testTime, nothing, ExpiredToken, "ExpiredToken", 400, ""},
		"unsigned body":     {with(generic, func(s *signing) { s.payload = unsignedPayload }), testTime, nothing, BadPayload, "InvalidSignatureException", 403, ""},
		"chunks":            {with(generic, func(s *signing) { s.payload = streamingChunks }), testTime, nothing, BadPayload, "InvalidSignatureException", 403, ""},
		"events":            {with(generic, func(s *signing) { s.payload = streamingEvents }), testTime, nothing, BadPayload, "InvalidSignatureException", 403, ""},
		"odd hash, S3":      {with(s3, func(s *signing) { s.payload = "x" }), testTime, nothing, BadPayload, "InvalidRequest", 400, ""},
		"body unknown":      {generic, testTime, func(r *Request) { r.Body = nil }, BadPayload, "InvalidSignatureException", 403, "x-amz-content-sha256"},
		"unsigned x-amz":    {s3, testTime, func(r *Request) { r.Header.Set("X-Amz-Acl", "public-read") }, UnsignedParts, "AccessDenied", 403, "not signed"},
		"two ways, S3":      {s3, testTime, func(r *Request) { r.Query = "X-Amz-Algorithm=x" }, Conflicting, "InvalidArgument", 400, ""},
		"version 2 URL":     {s3, testTime, func(r *Request) { r.Header.Del("Authorization"); r.Query = "AWSAccessKeyId=A&Signature=x&Expires=1" }, OldVersion, "InvalidRequest", 400, "AWS4-HMAC-SHA256"},
		"version 2":         {s3, testTime, func(r *Request) { r.Header.Set("Authorization", "AWS AKIA:sig=") }, OldVersion, "InvalidRequest", 400, ""},
		"mismatch, S3":      {s3, testTime, func(r *Request) { r.Path += "x" }, Mismatch, "SignatureDoesNotMatch", 403, ""},
		"mismatch":          {generic, testTime, func(r *Request) { r.Path += "x" }, Mismatch, "InvalidSignatureException", 403, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		"body differs, S3":  {s3, testTime, func(r *Request) { r.Body = func() ([]byte, error) { return nil, nil } }, PayloadDiffer, "XAmzContentSHA256Mismatch", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := c.s.rule()
			req := input(c.s, c.s.request(t))
			c.change(&req)
			res, err := newTestVerifier(c.now).Verify(t.Context(), req, rule)
			var e *Error
			if !errors.As(err, &e) || res != nil {
				t.Fatalf("not refused: %v", err)
			}
			if e.Reason != c.reason || e.Code != c.code || e.Status != c.status || !strings.Contains(e.Error(), c.text) {
				t.Errorf("refused as %+v", e)
			}
		})
	}
}

func cutAuth(from string) func(*Request) {
	return func(r *Request) {
		a, _, _ := strings.Cut(r.Header.Get("Authorization"), from)
		r.Header.Set("Authorization", a)
	}
}

// TestOwnFaultsAreNotRefusals: a broken store or a broken connection is not
// the caller's wrong signature.
func TestOwnFaultsAreNotRefusals(t *testing.T) {
	t.Parallel()
	s := goodRequests["plain"]
	s.key = "BROKEN"
	_, err := newTestVerifier(testTime).Verify(t.Context(), input(s, s.request(t)), s.rule())
	var e *Error
	if !errors.Is(err, errStore) || errors.As(err, &e) {
		t.Errorf("store failure became %v", err)
	}
	s.key = testKey
	req := input(s, s.request(t))
	req.Body = func() ([]byte, error) { return nil, errStore }
	if _, err := newTestVerifier(testTime).Verify(t.Context(), req, s.rule()); !errors.Is(err, errStore) || errors.As(err, &e) {
		t.Errorf("body failure became %v", err)
	}
}

// TestDateHeader: a client may sign with Date instead of X-Amz-Date.
func TestDateHeader(t *testing.T) {
	t.Parallel()
	for _, date := range []string{testTime.Format(http.TimeFormat), testTime.Format(timeLayout)} {
		c := &claim{accessKey: testKey, date: "20260304", region: "r", service: "bedrock", signed: []string{"date", "host"}, stamp: testTime.Format(timeLayout)}
		req := Request{Method: "GET", Path: "/", Host: "h", Header: http.Header{"Date": {date}}}
		rule := Generic("bedrock")
		req.Header.Set("Authorization", Algorithm+" Credential="+testKey+"/"+c.date+"/r/bedrock/aws4_request, SignedHeaders=date;host, Signature="+sign(c, &req, &rule, emptyHash))
		if _, err := newTestVerifier(testTime).Verify(t.Context(), req, rule); err != nil {
			t.Errorf("%s: %v", date, err)
		}
	}
}

// TestAuthority: the JavaScript SDK signs ":authority" for "host" on HTTP/2.
// Signature by @smithy/signature-v4.
func TestAuthority(t *testing.T) {
	t.Parallel()
	const body = `{"messages":[]}`
	request := func(host string) Request {
		return Request{Method: "POST", Path: "/model/x/converse", Host: host,
			Body: func() ([]byte, error) { return []byte(body), nil },
			Header: http.Header{
				"Content-Type": {"application/json"}, "X-Amz-Date": {"20260304T050607Z"},
				"X-Amz-Content-Sha256": {"5e4ce7b36ba37b78a5d5f9fd08e6b7b54ba6879d651aa46ec9e1d6fa24ebe30a"},
				"Authorization": {Algorithm + " Credential=" + testKey + "/20260304/eu-west-1/bedrock/aws4_request, " +
					"SignedHeaders=:authority;content-type;x-amz-content-sha256;x-amz-date, " +
					"Signature=549ed955eb8dfc6837bf95b98082d11c0d52e55e3e12bbb5caaed51c3955fc22"},
			}}
	}
	v := newTestVerifier(testTime)
	if _, err := v.Verify(t.Context(), request("127.0.0.1:8420"), Generic("bedrock")); err != nil {
		t.Errorf("the signed host was refused: %v", err)
	}
	var e *Error
	if _, err := v.Verify(t.Context(), request("localhost:8420"), Generic("bedrock")); !errors.As(err, &e) || e.Reason != Mismatch {
		t.Errorf("another host: %v, want a signature that does not match", err)
	}
}

// TestRotatedSecret: a key cached for the old secret must not verify.
func TestRotatedSecret(t *testing.T) {
	t.Parallel()
	s := goodRequests["plain"]
	req := input(s, s.request(t))
	v := newTestVerifier(testTime)
	if _, err := v.Verify(t.Context(), req, s.rule()); err != nil {
		t.Fatal(err)
	}
	id := keyID{testKey, "20260304", "eu-west-1", "bedrock"}
	if _, ok := v.keys.get(id, testSecret); !ok {
		t.Error("the derived key is not cached")
	}
	if _, ok := v.keys.get(id, "rotated"); ok {
		t.Error("the old secret's key is found under the new secret")
	}
	for i := range 5 * cachedKeys {
		v.keys.put(keyID{accessKey: strings.Repeat("k", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()}, "s", nil)
		if n := len(v.keys.young) + len(v.keys.old); n > 2*cachedKeys {
			t.Fatalf("the cache holds %d keys", n)
		}
	}
}
