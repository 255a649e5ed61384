package cassette

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// RecordVariable is the environment variable that turns recording on when it is "1".
const RecordVariable = "CRATON_RECORD"

// Options say how to record.
type Options struct {
	// Note stands in the file's head: what was recorded from, honestly.
	Note string
	// Secrets are blanked out of everything that is written.
	Secrets []string
	// Headers lists answer headers to keep besides Content-Type and Retry-After.
	Headers []string
	// Transport reaches the upstream while recording; nil for the default.
	Transport http.RoundTripper
	// Record overrides the environment when it is not nil.
	Record *bool
}

// Recording reports whether the environment asks for recording, for tests that
// must start an upstream only then.
func Recording() bool { return os.Getenv(RecordVariable) == "1" }

// Open returns the transport of a cassette. A replay of a file that is missing
// or malformed fails the test.
func Open(t testing.TB, path string, opts Options) http.RoundTripper {
	t.Helper()
	record := Recording()
	if opts.Record != nil {
		record = *opts.Record
	}
	if record {
		return startRecording(t, path, opts)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("no cassette (record one with %s=1): %v", RecordVariable, err)
	}
	tape, err := parse(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &player{path: path, takes: index(tape.takes), next: map[string]int{}}
}

// tape is a parsed cassette.
type tape struct {
	note  string
	takes []*take
}

// take is one recorded exchange.
type take struct {
	method, target string // target is the path with its query
	body           []byte
	status         int
	header         http.Header
	chunks         [][]byte
	broken         bool // the client left before the end
}

func (k *take) key() string { return k.method + " " + k.target + "\n" + string(k.body) }

func index(takes []*take) map[string][]*take {
	m := map[string][]*take{}
	for _, k := range takes {
		m[k.key()] = append(m[k.key()], k)
	}
	return m
}

// secretQueries are query parameters that hold credentials.
var secretQueries = []string{"key", "api-key", "api_key", "access_token", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Date"}

// readRequest takes the request apart; its body is consumed.
func readRequest(req *http.Request) (method, target string, body []byte, err error) {
	if req.Body != nil {
		defer req.Body.Close()
		if body, err = io.ReadAll(req.Body); err != nil {
			return "", "", nil, err
		}
	}
	u := url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath}
	q := req.URL.Query()
	for _, name := range secretQueries {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return req.Method, u.RequestURI(), body, nil
}

// player replays. It is safe for concurrent use.
type player struct {
	path  string
	mu    sync.Mutex
	takes map[string][]*take
	next  map[string]int
}

func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	method, target, body, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	key := (&take{method: method, target: target, body: body}).key()
	p.mu.Lock()
	takes, n := p.takes[key], p.next[key]
	p.next[key] = n + 1
	p.mu.Unlock()
	if len(takes) == 0 {
		return nil, &missError{path: p.path, method: method, target: target, body: string(body)}
	}
	k := takes[min(n, len(takes)-1)]
	return &http.Response{
		Status: http.StatusText(k.status), StatusCode: k.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: k.header.Clone(), ContentLength: -1, Request: req,
		Body: &playback{ctx: req.Context(), chunks: slices.Clone(k.chunks), broken: k.broken, closed: make(chan struct{})},
	}, nil
}

// missError says which request is not on the tape.
type missError struct{ path, method, target, body string }

func (e *missError) Error() string {
	return "the cassette " + e.path + " holds no " + e.method + " " + e.target + " with the body " + e.body +
		"; if the request is right, record again with " + RecordVariable + "=1"
}

// recorder passes requests on and keeps what it sees.
type recorder struct {
	path string
	opts Options
	next http.RoundTripper
	mu   sync.Mutex
	tape tape
}

func startRecording(t testing.TB, path string, opts Options) *recorder {
	r := &recorder{path: path, opts: opts, next: opts.Transport, tape: tape{note: opts.Note}}
	if r.next == nil {
		r.next = http.DefaultTransport
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // a recording of a failure would hide it
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := os.WriteFile(path, r.scrub(format(&r.tape)), 0o644); err != nil {
			t.Errorf("the cassette cannot be written: %v", err)
		}
	})
	return r
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	method, target, body, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	pass := req.Clone(req.Context())
	pass.Body, pass.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := r.next.RoundTrip(pass)
	if err != nil {
		return nil, err
	}
	k := &take{method: method, target: target, body: body, status: resp.StatusCode, header: http.Header{}, broken: true}
	for _, name := range append([]string{"Content-Type", "Retry-After"}, r.opts.Headers...) {
		if v := resp.Header.Values(name); len(v) > 0 {
			k.header[http.CanonicalHeaderKey(name)] = v
		}
	}
	r.mu.Lock()
	r.tape.takes = append(r.tape.takes, k)
	r.mu.Unlock()
	resp.Body = &tap{inner: resp.Body, mu: &r.mu, take: k}
	return resp, nil
}

// scrub blanks secrets out, longest first so that no part of one stays.
func (r *recorder) scrub(data []byte) []byte {
	secrets := slices.Clone(r.opts.Secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if s != "" {
			data = bytes.ReplaceAll(data, []byte(s), []byte(strings.Repeat("*", len(s))))
		}
	}
	return data
}
