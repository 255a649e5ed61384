package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The SDK's signer is an implementation independent of ours: it signs, we
// verify what arrives after a trip through net/http's own writer and parser.

const (
	testKey    = "AKIAEXAMPLE1"
	testSecret = "secret/with+signs="
	testToken  = "session-token/with+signs=="
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// newTestVerifier knows testKey, a temporary key and an ended temporary key.
func newTestVerifier(now time.Time) *Verifier {
	return New(Config{
		Now: func() time.Time { return now },
		Lookup: func(_ context.Context, id string) (Credential, error) {
			switch id {
			case testKey:
				return Credential{Secret: testSecret}, nil
			case "ASIATEMP":
				return Credential{Secret: testSecret, SessionToken: testToken, Expires: testTime.Add(time.Hour)}, nil
			case "ASIAENDED":
				return Credential{Secret: testSecret, SessionToken: testToken, Expires: testTime.Add(-time.Hour)}, nil
			case "BROKEN":
				return Credential{}, errStore
			}
			return Credential{}, ErrUnknownKey
		},
	})
}

var errStore = errors.New("the store is away")

// signing is one request to be signed by the SDK.
type signing struct {
	method, target, body string
	service              string // default bedrock
	key, token           string // default testKey
	header               map[string]string
	payload              string // x-amz-content-sha256, "" leaves it out
	presign              bool
	s3                   bool
}

// request signs s and returns it as a server receives it.
func (s signing) request(t testing.TB) *http.Request {
	t.Helper()
	if s.service == "" {
		s.service = "bedrock"
	}
	if s.key == "" {
		s.key = testKey
	}
	req, err := http.NewRequest(s.method, "http://127.0.0.1:8420"+s.target, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range s.header {
		req.Header.Set(k, v)
	}
	hash := s.payload
	if hash == "" {
		sum := sha256.Sum256([]byte(s.body))
		hash = hex.EncodeToString(sum[:])
	} else {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds := aws.Credentials{AccessKeyID: s.key, SecretAccessKey: testSecret, SessionToken: s.token}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.s3 })
	if s.presign {
		q := req.URL.Query()
		q.Set("X-Amz-Expires", "600")
		req.URL.RawQuery = q.Encode()
		if s.s3 {
			hash = unsignedPayload
		}
		u, h, err := signer.PresignHTTP(t.Context(), creds, req, hash, s.service, "eu-west-1", testTime)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL, err = url.Parse(u); err != nil {
			t.Fatal(err)
		}
		for k, vs := range h {
			req.Header[k] = vs
		}
	} else if err := signer.SignHTTP(t.Context(), creds, req, hash, s.service, "eu-west-1", testTime); err != nil {
		t.Fatal(err)
	}
	return arrive(t, req)
}

// arrive sends req through net/http's wire form.
func arrive(t testing.TB, req *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func input(s signing, r *http.Request) Request {
	req := FromHTTP(r)
	req.Body = func() ([]byte, error) { return []byte(s.body), nil }
	return req
}

var goodRequests = map[string]signing{
	"plain":           {method: "POST", target: "/model/amazon.nova-lite-v1:0/converse", body: `{"messages":[]}`},
	"encoded colon":   {method: "POST", target: "/model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse", body: `{}`},
	"encoded ARN":     {method: "POST", target: "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse", body: `{}`},
	"raw ARN":         {method: "POST", target: "/model/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x/converse", body: `{}`},
	"double encoded":  {method: "GET", target: "/async-invoke/a%252Fb"},
	"hash sign":       {method: "GET", target: "/memories/m-abcdefghij/events/0001%23ab", service: "bedrock-agentcore"},
	"query":           {method: "GET", target: "/tags/x?tagKeys=b&tagKeys=a%20c&empty=&k%C3%A9y=v%2Bw"},
	"double slash":    {method: "POST", target: "/a//b/./c/../d/", body: "x"},
	"headers":         {method: "POST", target: "/model/m/invoke", body: "x", header: map[string]string{"X-Amzn-Bedrock-Trace": "  ENABLED   x ", "X-Amz-Thing": "1"}},
	"content hash":    {method: "POST", target: "/model/m/invoke", body: "x", payload: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},
	"session token":   {method: "POST", target: "/model/m/invoke", body: "x", key: "ASIATEMP", token: testToken},
	"presigned":       {method: "GET", target: "/runtimes/r%3A1/ws?qualifier=a+b", presign: true, service: "bedrock-agentcore"},
	"presigned token": {method: "GET", target: "/runtimes/r/ws", presign: true, key: "ASIATEMP", token: testToken},
	"S3 plain":        {method: "PUT", target: "/bucket/a%20key/with%2Bsigns%3A(1)/%C3%A9", body: "data", service: "s3", s3: true, payload: "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"},
	"S3 double slash": {method: "GET", target: "/bucket//a/../b?list-type=2&prefix=a%2F", service: "s3", s3: true, payload: emptyHash},
	"S3 unsigned":     {method: "PUT", target: "/bucket/key", body: "data", service: "s3", s3: true, payload: unsignedPayload},
	"S3 presigned":    {method: "PUT", target: "/bucket/key%20x", body: "data", service: "s3", s3: true, presign: true},
}

func (s signing) rule() Rule {
	if s.s3 {
		return S3()
	}
	return Generic("bedrock", "bedrock-agentcore")
}

func TestSDKSignedRequests(t *testing.T) {
	t.Parallel()
	for name, s := range goodRequests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := s.request(t)
			v := newTestVerifier(testTime.Add(time.Minute))
			req := input(s, r)
			if !Signed(&req) {
				t.Error("Signed does not see the signature")
			}
			for range 2 { // the second run finds the derived key in the cache
				res, err := v.Verify(t.Context(), req, s.rule())
				if err != nil {
					t.Fatal(err)
				}
				if res.Region != "eu-west-1" || res.Presigned != s.presign || !res.Time.Equal(testTime) || !res.Covers("Host") {
					t.Errorf("result %+v", res)
				}
			}
		})
	}
}

// TestTampering changes one thing at a time; each change must be refused.
func TestTampering(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*Request){
		"method":     func(r *Request) { r.Method = "DELETE" },
		"path":       func(r *Request) { r.Path += "x" },
		"path slash": func(r *Request) { r.Path = strings.TrimSuffix(r.Path, "/") + "/x/" },
		"query":      func(r *Request) { r.Query += "&x=1" },
		"host":       func(r *Request) { r.Host = "evil.example" },
	}
	headerChanges := map[string]func(*Request){
		"time":          func(r *Request) { r.Header.Set("X-Amz-Date", "20260304T050608Z") },
		"date header":   func(r *Request) { r.Header.Del("X-Amz-Date"); r.Header.Set("Date", "Wed, 04 Mar 2026 05:06:08 GMT") },
		"second stamp":  func(r *Request) { r.Header.Add("X-Amz-Date", "20260304T050607Z") },
		"signature":     editAuth("Signature=", "0"),
		"scope region":  replaceAuth("eu-west-1", "eu-west-2"),
		"scope date":    replaceAuth("/20260304/", "/20260305/"),
		"terminator":    replaceAuth("aws4_request", "aws4_reques"),
		"access key":    replaceAuth("Credential=", "Credential=X"),
		"token added":   func(r *Request) { r.Header.Set("X-Amz-Security-Token", "x") },
		"signed list":   replaceAuth("host;", ""),
		"list longer":   replaceAuth("host;", "host;x-new;"),
		"algorithm":     replaceAuth(Algorithm, "AWS4-HMAC-SHA512"),
		"header gone":   func(r *Request) { r.Header.Del("Authorization") },
		"header twice":  func(r *Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
		"content type":  func(r *Request) { r.Header.Set("Content-Type", "text/x") },
		"value joined":  func(r *Request) { r.Header.Add("X-Amz-Thing", "2") },
		"query instead": func(r *Request) { r.Query += "&X-Amz-Algorithm=" + Algorithm },
	}
	queryChanges := map[string]func(*Request){
		"expires":       func(r *Request) { r.Query = strings.Replace(r.Query, "X-Amz-Expires=600", "X-Amz-Expires=6000", 1) },
		"signature cut": func(r *Request) { r.Query = r.Query[:len(r.Query)-1] },
		"repeated":      func(r *Request) { r.Query += "&X-Amz-Expires=600" },
		"escaped name":  func(r *Request) { r.Query = strings.Replace(r.Query, "X-Amz-Expires=", "X-Amz-Expire%73=", 1) },
		"date":          func(r *Request) { r.Query = strings.Replace(r.Query, "T050607Z", "T050608Z", 1) },
	}
	for name, s := range goodRequests {
		sets := []map[string]func(*Request){changes, headerChanges}
		if s.presign {
			sets[1] = queryChanges
		}
		if s.header != nil {
			s.header = map[string]string{"X-Amz-Thing": "1", "Content-Type": "application/json"}
		}
		for _, set := range sets {
			for what, change := range set {
				t.Run(name+"/"+what, func(t *testing.T) {
					t.Parallel()
					tamper(t, s, what, change)
				})
			}
		}
	}
}

func tamper(t *testing.T, s signing, what string, change func(*Request)) {
	t.Helper()
	r := s.request(t)
	if (what == "content type" || what == "value joined") && s.header == nil {
		return // the request signs neither header
	}
	req := input(s, r)
	change(&req)
	res, err := newTestVerifier(testTime).Verify(t.Context(), req, s.rule())
	var refused *Error
	if !errors.As(err, &refused) || res != nil {
		t.Fatalf("accepted: %+v, error %v", res, err)
	}
}

func replaceAuth(old, fresh string) func(*Request) {
	return func(r *Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, fresh, 1))
	}
}

// editAuth overwrites the first digits behind mark, so that they surely differ.
func editAuth(mark, digit string) func(*Request) {
	return func(r *Request) {
		a := r.Header.Get("Authorization")
		i := strings.Index(a, mark) + len(mark)
		other := digit
		if a[i:i+1] == digit {
			other = "f"
		}
		r.Header.Set("Authorization", a[:i]+other+a[i+1:])
	}
}

func TestTamperedBody(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "content hash", "S3 plain"} {
		s := goodRequests[name]
		r := s.request(t)
		s.body += "x"
		_, err := newTestVerifier(testTime).Verify(t.Context(), input(s, r), s.rule())
		var refused *Error
		if !errors.As(err, &refused) || (refused.Reason != Mismatch && refused.Reason != PayloadDiffer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s := goodRequests["encoded colon"]
	s.header = map[string]string{"Content-Type": "application/json", "Amz-Sdk-Invocation-Id": "0", "Amz-Sdk-Request": "attempt=1; max=3"}
	s.body = strings.Repeat("x", 1200)
	req := input(s, s.request(b))
	v := newTestVerifier(testTime)
	rule := s.rule()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), req, rule); err != nil {
			b.Fatal(err)
		}
	}
}
