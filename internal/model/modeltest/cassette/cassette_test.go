package cassette

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFormatRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte())
		text := rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) })
		var want tape
		for i := range rapid.IntRange(0, 3).Draw(t, "takes") {
			k := &take{method: "POST", target: "/p" + string(rune('a'+i)), status: 200, header: http.Header{"Content-Type": {"a: b", "c"}}}
			k.body = rapid.OneOf(data, text).Draw(t, "body")
			for range rapid.IntRange(0, 3).Draw(t, "chunks") {
				k.chunks = append(k.chunks, rapid.OneOf(data, text).Draw(t, "chunk"))
			}
			k.broken = rapid.Bool().Draw(t, "broken")
			want.takes = append(want.takes, k)
		}
		got, err := parse(format(&want))
		if err != nil {
			t.Fatal(err)
		}
		same := len(got.takes) == len(want.takes)
		for i := range want.takes {
			a, b := got.takes[i], want.takes[i]
			same = same && a.key() == b.key() && a.broken == b.broken && reflect.DeepEqual(a.header, b.header) &&
				slices.EqualFunc(a.chunks, b.chunks, bytes.Equal)
		}
		if !same {
			t.Fatalf("the tape changed:\n%s", format(&want))
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(magic + "# note\n\nrequest GET /\nbody text 2\n{}\nresponse 200\nchunk base64 4\nAAAA\nend\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tape, err := parse(data)
		if err != nil {
			return
		}
		if _, err := parse(format(tape)); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

// record runs use with a client whose exchanges with h are recorded.
func record(t *testing.T, path string, h http.HandlerFunc, use func(*http.Client, string)) {
	t.Helper()
	on := true
	t.Run("record", func(t *testing.T) {
		server := httptest.NewServer(h)
		defer server.Close()
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		use(&http.Client{Transport: Open(t, path, Options{
			Note: "recorded from a test server", Secrets: []string{"hush", "hush-hush"}, Record: &on, Transport: transport,
		})}, server.URL)
	})
}

func replaying(t *testing.T, path string) *http.Client {
	t.Helper()
	off := false
	return &http.Client{Transport: Open(t, path, Options{Record: &off})}
}

func post(t *testing.T, c *http.Client, url, body string) (int, string) {
	t.Helper()
	resp, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.cassette")
	n := 0
	record(t, path, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n++
		w.Header().Set("Set-Cookie", "private")
		w.WriteHeader(200 + n)
		_, _ = io.WriteString(w, "got "+string(body)+" hush-hush")
	}, func(c *http.Client, url string) {
		post(t, c, url+"/x?key=hush&b=1", "one")
		post(t, c, url+"/x?b=1", "one")
		post(t, c, url+"/x?b=1", "two")
	})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"hush", "private", "127.0.0.1", "key="} {
		if bytes.Contains(file, []byte(private)) {
			t.Errorf("the cassette shows %q:\n%s", private, file)
		}
	}
	c := replaying(t, path)
	for _, want := range []struct {
		body   string
		status int
	}{{"one", 201}, {"two", 203}, {"one", 202}, {"one", 202}} {
		status, got := post(t, c, "http://elsewhere.test/x?b=1&key=other", want.body)
		if status != want.status || got != "got "+want.body+" *********" {
			t.Errorf("%s: got %d %q, want %d", want.body, status, got, want.status)
		}
	}
	for name, url := range map[string]string{"path": "http://a.test/y?b=1", "query": "http://a.test/x?b=2"} {
		if _, err := c.Post(url, "", strings.NewReader("one")); err == nil || !strings.Contains(err.Error(), RecordVariable) {
			t.Errorf("another %s: got %v, want a hint to record again", name, err)
		}
	}
	if _, err := c.Post("http://a.test/x?b=1", "", strings.NewReader("three")); err == nil {
		t.Error("another body was answered")
	}
}

func TestReplayKeepsSplitsAndBreaks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.cassette")
	read := make(chan struct{})
	record(t, path, func(w http.ResponseWriter, r *http.Request) {
		for _, s := range []string{"a", "bc", "def"} {
			_, _ = io.WriteString(w, s)
			w.(http.Flusher).Flush()
			<-read
		}
		<-r.Context().Done()
	}, func(c *http.Client, url string) {
		resp, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 3; n++ {
			if _, err := io.ReadFull(resp.Body, make([]byte, n)); err != nil {
				t.Error(err)
			}
			read <- struct{}{}
		}
		resp.Body.Close()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://a.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := replaying(t, path).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, want := range []string{"a", "bc", "def"} {
		p := make([]byte, 100)
		if n, err := resp.Body.Read(p); err != nil || string(p[:n]) != want {
			t.Fatalf("read %q, %v; want %q as it was recorded", p[:n], err, want)
		}
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); err != context.Canceled {
		t.Errorf("after the break: %v, want the cancellation", err)
	}
}

func TestMalformedCassettes(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"no magic":     "hello",
		"no request":   magic + "response 200\n",
		"cut off":      magic + "request GET /\nbody text 0\n\n",
		"wrong length": magic + "request GET /\nbody text 99\n{}\nresponse 200\nend\n",
		"odd coding":   magic + "request GET /\nbody rot13 2\n{}\nend\n",
		"bad base64":   magic + "request GET /\nbody base64 2\n{}\nend\n",
		"bad status":   magic + "request GET /\nresponse two\nend\n",
	} {
		if _, err := parse([]byte(file)); err == nil || !strings.Contains(err.Error(), "line") {
			t.Errorf("%s: got %v, want an error with its line", name, err)
		}
	}
}
