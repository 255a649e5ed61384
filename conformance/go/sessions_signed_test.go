package sdks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/bedrock"
	"github.com/openai/openai-go/v3/option"
)

func asError[E error](err error, dst *E) bool { return errors.As(err, dst) }

func statusOf(err error) int {
	var e *openai.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

const mantleSessions = "/openai/v1/agents/sessions"

// signedBy sends a request signed by AWS's own signer for a service.
func signedBy(t *testing.T, service, method, path, body string) *http.Response {
	t.Helper()
	req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, serverURL(t)+path, strings.NewReader(body)))
	req.Header.Set("OpenAI-Beta", "agents=v1")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: setting(t, "CRATON_ACCESS_KEY_ID"), SecretAccessKey: setting(t, "CRATON_SECRET_ACCESS_KEY")}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	answer := must[*http.Response](t)(http.DefaultClient.Do(req))
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func mantle(t *testing.T, method, path, body string) *http.Response {
	t.Helper()
	return signedBy(t, "bedrock-mantle", method, mantleSessions+path, body)
}

// mantleBody is a session in the words of Bedrock, whose role is required.
func mantleBody(more string) string {
	return fmt.Sprintf(`{"agent":{"model":%q,"instructions":"Be kind."},"environment":{"type":"none"},"role_arn":"arn:aws:iam::111122223333:role/agent"%s}`, chatModel, more)
}

// sessionSigned goes the way of Bedrock's seven operations.
func sessionSigned(t *testing.T) {
	var made struct {
		ID, Status, Object string
		Role               string `json:"role_arn"`
	}
	decode(t, mantle(t, "POST", "", mantleBody(`,"input":"Say hello"`)), &made)
	equal(t, "the session", []string{made.Object, made.Role}, []string{"agent.session", "arn:aws:iam::111122223333:role/agent"})
	for deadline := time.Now().Add(patience); made.Status != "idle" && time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		decode(t, mantle(t, "GET", "/"+made.ID, ""), &made)
	}
	live := mantle(t, "GET", "/"+made.ID+"/events", "")
	sent := mantle(t, "POST", "/"+made.ID+"/events",
		`{"events":[{"type":"agent.session.input.message","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Say more"}]}]}]}`)
	equal(t, "the answer to input", []any{sent.StatusCode, read(t, sent)}, []any{202, ""})
	var kinds []string
	for event := range frames(t, live.Body) {
		if kinds = append(kinds, event["type"].(string)); event["type"] == "agent.session.idle" {
			break
		}
	}
	contains(t, strings.Join(kinds, " "), "agent.session.turn.completed agent.session.idle")
	var items struct {
		Data []struct {
			Type string
			Role string
		}
		LastID string `json:"last_id"`
		More   bool   `json:"has_more"`
	}
	decode(t, mantle(t, "GET", "/"+made.ID+"/items?limit=3&order=asc", ""), &items)
	equal(t, "the first items", []any{len(items.Data), items.More}, []any{3, true})
	decode(t, mantle(t, "GET", "/"+made.ID+"/items?limit=3&order=asc&after="+items.LastID, ""), &items)
	equal(t, "the other items", []any{len(items.Data), items.More}, []any{1, false})
	contains(t, read(t, mantle(t, "GET", "?limit=100", "")), made.ID)
	equal(t, "the deletion", mantle(t, "DELETE", "/"+made.ID, "").StatusCode, 200)
	equal(t, "what is left", mantle(t, "GET", "/"+made.ID, "").StatusCode, 404)
	stream := mantle(t, "POST", "", mantleBody(`,"input":"Say hello","stream":true`))
	equal(t, "the creation stream", stream.Header.Get("Content-Type"), "text/event-stream")
	contains(t, read(t, stream), "agent.session.turn.completed")
}

func sessionSignedErrors(t *testing.T) {
	for name, one := range map[string]struct{ method, path, body, want string }{
		"an unknown member": {"POST", "", mantleBody(`,"input":"hi","temper":"mild"`), "400 invalid_request_error"},
		"nobody":            {"GET", "/ses_nobody", "", "404 not_found_error"},
		"no events":         {"POST", "/ses_nobody/events", `{"events":[]}`, "400 invalid_request_error"},
	} {
		answer := mantle(t, one.method, one.path, one.body)
		var e struct {
			Error struct{ Code, Message string }
		}
		said := read(t, answer)
		_ = json.Unmarshal([]byte(said), &e) // what is no JSON has no code
		if got := fmt.Sprint(answer.StatusCode, " ", e.Error.Code); got != one.want {
			t.Errorf("%s: %s, want %s: %s", name, got, one.want, said)
		}
	}
	for service, want := range map[string]int{"bedrock": 401, "bedrock-mantle": 200} {
		equal(t, "signed for "+service, signedBy(t, service, "GET", mantleSessions, "").StatusCode, want)
	}
	client := must[openai.Client](t)(bedrock.NewClient(t.Context(), bedrock.Config{AWSRegion: "us-east-1", Endpoint: bedrock.EndpointMantle,
		AWSAccessKeyID: setting(t, "CRATON_ACCESS_KEY_ID"), AWSSecretAccessKey: setting(t, "CRATON_SECRET_ACCESS_KEY"), BaseURL: serverURL(t) + "/openai/v1"}, option.WithMaxRetries(0)))
	made := must[*openai.AgentSession](t)(client.Beta.Agents.Sessions.New(t.Context(), sessionParams("Say yes"),
		option.WithJSONSet("role_arn", "arn:aws:iam::111122223333:role/agent")))
	read := must[*openai.AgentSession](t)(client.Beta.Agents.Sessions.Get(t.Context(), made.ID))
	equal(t, "by Bedrock's own client", read.ID, made.ID)
}
