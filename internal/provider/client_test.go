package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-very-secret"

// decodeError keeps status and text.
func decodeError(status int, _ http.Header, body []byte) *model.Error {
	return &model.Error{Kind: model.UpstreamDown, Message: string(body), UpstreamStatus: status}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t *testing.T, cfg provider.Config) *provider.Client {
	t.Helper()
	c := provider.NewClient(cfg.WithDefaults(), decodeError)
	t.Cleanup(c.CloseIdle)
	return c
}

func kindOf(t *testing.T, err error) model.Kind {
	t.Helper()
	var e *model.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *model.Error", err, err)
	}
	if e.Op == "" || e.Public() == "" {
		t.Errorf("the error %#v names no operation or says nothing", e)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
		t.Errorf("the error shows the key: %v", err)
	}
	return e.Kind
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header })
	type trace struct{}
	c := newClient(t, provider.Config{Instance: "me", Headers: map[string]string{"X-Team": "a", "X-Craton-Hop": "forged"},
		Trace: func(ctx context.Context, h http.Header) { h.Set("Traceparent", ctx.Value(trace{}).(string)) }})
	_, err := c.Bytes(context.WithValue(t.Context(), trace{}, "00-1-2-01"), provider.Call{
		Op: "test", URL: url, Body: []byte("{}"), Hops: []string{"one", "two"},
		Header: http.Header{"x-team": {"b"}, "Accept": {"text/event-stream"}},
		Sign:   provider.Bearer(provider.StaticKey(secret)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"X-Craton-Hop": "one, two, me", "X-Team": "a", "Traceparent": "00-1-2-01", "Accept": "text/event-stream",
		"Authorization": "Bearer " + secret, "Content-Type": "application/json", "Accept-Encoding": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 1000)) })
	c := newClient(t, provider.Config{MaxBody: 999})
	_, err := c.Bytes(t.Context(), provider.Call{Op: "test", URL: url})
	if kind := kindOf(t, err); kind != model.UpstreamGarbage {
		t.Errorf("an answer of 1000 bytes with a bound of 999 gives %v", err)
	}
	c = newClient(t, provider.Config{MaxBody: 1000})
	if b, err := c.Bytes(t.Context(), provider.Call{Op: "test", URL: url}); err != nil || len(b) != 1000 {
		t.Errorf("an answer of the bound's size: %d bytes, %v", len(b), err)
	}
}

func TestErrorAnswersAreDecoded(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) })
	_, err := newClient(t, provider.Config{}).Bytes(t.Context(), provider.Call{Op: "test", URL: url})
	var e *model.Error
	if !errors.As(err, &e) || e.UpstreamStatus != 503 || e.Message != "busy\n" || e.Op != "test" {
		t.Errorf("got %#v, want the decoded answer of status 503", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the redirect was followed") })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	_, err := newClient(t, provider.Config{}).Bytes(t.Context(), provider.Call{Op: "test", URL: url})
	if err == nil {
		t.Error("a redirect must be an error")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	c := newClient(t, provider.Config{})
	_, err = c.Bytes(t.Context(), provider.Call{Op: "test", URL: "http://" + l.Addr().String() + "/?key=" + secret})
	if kind := kindOf(t, err); kind != model.UpstreamDown {
		t.Errorf("got %v, want the upstream to be down", err)
	}
}

// hold answers the given text and then nothing until the client leaves.
func hold(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if text != "" {
			_, _ = io.WriteString(w, text)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

func holdHeader(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const short, long = 30 * time.Millisecond, time.Hour
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		bounds provider.Timeouts
	}{
		"no header":  {hold(""), provider.Timeouts{FirstByte: short, Idle: long}},
		"no body":    {holdHeader, provider.Timeouts{FirstByte: short, Idle: long}},
		"half a one": {hold("half"), provider.Timeouts{FirstByte: long, Idle: short}},
	} {
		url := serve(t, c.answer)
		_, err := newClient(t, provider.Config{Timeouts: c.bounds}).Bytes(t.Context(), provider.Call{Op: "test", URL: url})
		if kind := kindOf(t, err); kind != model.Timeout {
			t.Errorf("%s: got %v, want a timeout", name, err)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"before the first byte": "", "after it": "half"} {
		left := make(chan struct{})
		arrived := make(chan struct{})
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			hold(text)(w, r)
			close(left)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		_, err := newClient(t, provider.Config{}).Bytes(ctx, provider.Call{Op: "test", URL: url})
		if kind := kindOf(t, err); kind != model.Canceled {
			t.Errorf("%s: got %v, want it to be cancelled", name, err)
		}
		<-left // the upstream was told
	}
}

func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	_, err := newClient(t, provider.Config{}).Bytes(t.Context(), provider.Call{Op: "test", URL: url})
	if kind := kindOf(t, err); kind != model.UpstreamDown {
		t.Errorf("got %v, want the upstream to be down", err)
	}
}

// TestStreamReleasesTheConnection reads a stream to its last event, which comes
// before the end of the bytes, and wants the connection reused.
func TestStreamReleasesTheConnection(t *testing.T) {
	t.Parallel()
	remotes := map[string]bool{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true
		_, _ = io.WriteString(w, "0123456789")
	})
	c := newClient(t, provider.Config{})
	for range 3 {
		s, err := c.Stream(t.Context(), provider.Call{Op: "test", URL: url}, func(resp *http.Response) (model.Stream, error) {
			_, err := io.ReadFull(resp.Body, make([]byte, 5))
			return model.Events(), err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want the end", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(remotes) != 1 {
		t.Errorf("three calls used %d connections, want one", len(remotes))
	}
}

func TestShowableHeaders(t *testing.T) {
	t.Parallel()
	got := provider.Showable(http.Header{
		"Content-Type": {"a"}, "Set-Cookie": {"b"}, "X-Ratelimit-Remaining": {"c"}, "Server": {"d"},
		"Openai-Organization": {"e"}, "Retry-After": {"f"},
	})
	if len(got) != 3 || got.Get("Content-Type") == "" || got.Get("X-Ratelimit-Remaining") == "" || got.Get("Retry-After") == "" {
		t.Errorf("got %v, want only what clients may see", got)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	key := provider.StaticKey(secret)
	cfg := provider.Config{APIKey: key, AWS: provider.AWS{SecretKey: key}}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "cfg", cfg)
	text, _ := key.MarshalText()
	for _, s := range []string{
		log.String(), string(text), key.String(),
		fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, key),
		fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg), fmt.Sprintf("%+v", &cfg),
	} {
		if strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) {
			t.Errorf("the key is shown in %q", s)
		}
	}
	if got, err := key.Reveal(); err != nil || got != secret {
		t.Errorf("Reveal gives %q, %v", got, err)
	}
}

func TestKeyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent without its key") })
	key := provider.FuncKey(func() (string, error) { return "", errors.New("no such file") })
	_, err := newClient(t, provider.Config{}).Bytes(t.Context(), provider.Call{Op: "test", URL: url, Sign: provider.Bearer(key)})
	if kind := kindOf(t, err); kind != model.UpstreamDenied {
		t.Errorf("got %v, want the key to be the trouble", err)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://127.0.0.1:1/v1/": "http://127.0.0.1:1/v1", "https://a.example": "https://a.example",
		"": "", "localhost:80": "", "ftp://a/": "", "http://user:" + secret + "@a/": "", "http://a/?key=" + secret: "", "http://a/#x": "",
	} {
		got, err := provider.Base(raw)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	minor := model.Loss{Path: "seed", What: "the seed"}
	if err := provider.Refuse("op", []model.Loss{minor}); err != nil {
		t.Errorf("a minor loss is refused: %v", err)
	}
	err := provider.Refuse("op", []model.Loss{minor, {Path: "n", What: "several answers.", Severity: model.LossMajor}})
	if kind := kindOf(t, err); kind != model.Unsupported || !strings.Contains(model.AsError(err).Public(), "several answers") {
		t.Errorf("got %v, want the major loss refused", err)
	}
}
