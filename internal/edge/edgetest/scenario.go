package edgetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Nobody and Stranger are names of credentials in scenarios: none at all, and
// one that does not exist.
const (
	Nobody   = "-"
	Stranger = "?"
)

// Scenario is a request and what its answer must be.
type Scenario struct {
	Name, Method, Path string
	// As names the key; "" is the root tenant's administrator. A key of kind
	// aws signs the request.
	As string
	// Sign changes how a request is signed; nil signs for bedrock, now.
	Sign   *Signing
	Header map[string]string
	Host   string
	Body   string
	// Chunked sends the body without its length.
	Chunked bool
	// Status is wanted; 0 means 200.
	Status int
	// Want and Not are strings the body must and must not hold.
	Want, Not []string
	// WantHeader maps headers to values; "*" is any value, "" none.
	WantHeader map[string]string
	// Then looks further at the answer.
	Then func(t *testing.T, a *Answer)
}

// Signing is how a request is signed.
type Signing struct {
	// Service is the scope's; empty means bedrock.
	Service string
	// Late is how long ago it was signed.
	Late time.Duration
	// Presign puts the signature into the query, for a minute.
	Presign bool
	// Tamper changes the request after it was signed.
	Tamper func(r *http.Request)
}

// Answer is what came back, read to its end.
type Answer struct {
	World  *World
	Status int
	Header http.Header
	Body   string
	// Err is why reading the body ended; nil at its proper end.
	Err error
}

// Run runs scenarios one after another, as subtests.
func (w *World) Run(t *testing.T, list []Scenario) {
	for i := range list {
		t.Run(list[i].Name, func(t *testing.T) { w.run(t, &list[i]) })
	}
}

func (w *World) run(t *testing.T, s *Scenario) {
	a := w.Do(t, s)
	want := s.Status
	if want == 0 {
		want = http.StatusOK
	}
	if a.Status != want {
		t.Errorf("status %d, want %d", a.Status, want)
	}
	for _, text := range s.Want {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the body lacks %q", text)
		}
	}
	for _, text := range s.Not {
		if strings.Contains(a.Body, text) {
			t.Errorf("the body holds %q", text)
		}
	}
	for name, value := range s.WantHeader {
		got := a.Header.Get(name)
		if value == "*" && got == "" || value != "*" && got != value {
			t.Errorf("header %s is %q, want %q", name, got, value)
		}
	}
	if s.Then != nil {
		s.Then(t, a)
	}
	if t.Failed() {
		t.Logf("%s %s\n%v\n%s", s.Method, s.Path, a.Header, a.Body)
	}
}

// Do sends a scenario's request and reads the answer, whatever it is.
func (w *World) Do(t testing.TB, s *Scenario) *Answer {
	t.Helper()
	req := w.Request(t, s)
	resp, err := w.Server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a := &Answer{World: w, Status: resp.StatusCode, Header: resp.Header, Body: string(raw), Err: err}
	if resp.Header.Get("Content-Type") == "application/vnd.amazon.eventstream" {
		a.Body, a.Err = frames(raw, err)
	}
	return a
}

// chunk is the payload of InvokeModel's frames.
type chunk struct {
	Bytes []byte `json:"bytes"`
}

// frames writes an event stream as lines of text: its headers that begin with
// a colon, and the payload, unwrapped where it is a chunk of bytes.
func frames(raw []byte, err error) (string, error) {
	var text strings.Builder
	for decoder, in := eventstream.NewDecoder(), bytes.NewReader(raw); in.Len() > 0; {
		message, derr := decoder.Decode(in, nil)
		if derr != nil {
			return text.String(), errors.Join(err, derr)
		}
		for _, h := range message.Headers {
			text.WriteString(h.Name + "=" + h.Value.String() + " ")
		}
		var c chunk
		if json.Unmarshal(message.Payload, &c) == nil && len(c.Bytes) > 0 {
			message.Payload = c.Bytes
		}
		text.Write(message.Payload)
		text.WriteByte('\n')
	}
	return text.String(), err
}

// Request makes a scenario's request, with its credential.
func (w *World) Request(t testing.TB, s *Scenario) *http.Request {
	t.Helper()
	var body io.Reader = strings.NewReader(s.Body)
	if s.Chunked {
		body = io.MultiReader(body) // hides the length
	}
	req, err := http.NewRequestWithContext(t.Context(), s.Method, w.URL+s.Path, body)
	check(t, err)
	if s.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Host != "" {
		req.Host = s.Host
	}
	for name, value := range s.Header {
		req.Header.Set(name, value)
	}
	switch key := w.Key(s.As); {
	case s.As == Nobody:
	case s.As == Stranger:
		req.Header.Set("Authorization", "Bearer sk-craton-nobody-ever-issued-this-one")
	case key.AccessKeyID != "":
		w.sign(t, req, s)
	case key.Token != "":
		req.Header.Set("Authorization", "Bearer "+key.Token)
	default:
		t.Fatalf("there is no key %q", s.As)
	}
	return req
}

func (w *World) sign(t testing.TB, req *http.Request, s *Scenario) {
	t.Helper()
	how := Signing{}
	if s.Sign != nil {
		how = *s.Sign
	}
	if how.Service == "" {
		how.Service = "bedrock"
	}
	key := w.Key(s.As)
	credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}
	sum := sha256.Sum256([]byte(s.Body))
	digest, at := hex.EncodeToString(sum[:]), w.Now().Add(-how.Late)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = how.Service == "s3" })
	if how.Service == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", digest)
	}
	if how.Presign {
		query := req.URL.Query()
		query.Set("X-Amz-Expires", "60")
		req.URL.RawQuery = query.Encode()
		signed, _, err := signer.PresignHTTP(context.Background(), credentials, req, digest, how.Service, "eu-central-1", at)
		check(t, err)
		parsed, err := req.URL.Parse(signed)
		check(t, err)
		req.URL = parsed
	} else {
		check(t, signer.SignHTTP(context.Background(), credentials, req, digest, how.Service, "eu-central-1", at))
	}
	if how.Tamper != nil {
		how.Tamper(req)
	}
}

// Replace makes a Tamper that sends another body of the same length.
func Replace(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
		r.ContentLength = int64(len(body))
	}
}
