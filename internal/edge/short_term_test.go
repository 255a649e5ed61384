package edge_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// emptyBody is the SHA-256 of nothing.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// shortTerm makes a short-term key as AWS's generators do.
func shortTerm(t *testing.T, key identity.Issued, query, service string, at time.Time) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://bedrock.amazonaws.com/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(),
		aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}, req, emptyBody, service, "eu-central-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return pack(strings.TrimPrefix(signed, "https://") + "&Version=1")
}

func pack(signed string) string {
	return "bedrock-api-key-" + base64.StdEncoding.EncodeToString([]byte(signed))
}

func unpack(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(token, "bedrock-api-key-"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestShortTermKeys accepts keys that clients make of their access keys, for as
// long as they say and no longer than AWS does, and none that were changed.
func TestShortTermKeys(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	now := w.Now()
	const action = "Action=CallWithBearerToken&X-Amz-Expires=43200"
	key := w.Key("aws")
	good := shortTerm(t, key, action, "bedrock", now)
	auditor := w.AddKey(t, "auditor", identity.KeySpec{Roles: []identity.Role{identity.Auditor}, Kind: identity.KindAWS})
	var list []edgetest.Scenario
	for _, c := range []struct {
		name, token string
		status      int
		want        string
	}{
		{"good", good, 200, `"object":"list"`},
		{"almost over", shortTerm(t, key, action, "bedrock", now.Add(-11*time.Hour)), 200, ""},
		{"over", shortTerm(t, key, action, "bedrock", now.Add(-13*time.Hour)), 401, "expired"},
		{"too long", shortTerm(t, key, "Action=CallWithBearerToken&X-Amz-Expires=86400", "bedrock", now), 401, "twelve hours"},
		{"without an end", strings.Replace(pack(strings.Replace(unpack(t, good), "X-Amz-Expires=43200", "X-Other=1", 1)), " ", "", 1), 401, "twelve hours"},
		{"another service", shortTerm(t, key, action, "s3", now), 401, ""},
		{"another action", shortTerm(t, key, "Action=Delete&X-Amz-Expires=60", "bedrock", now), 401, "no short-term"},
		{"changed", pack(strings.Replace(unpack(t, good), "X-Amz-Expires=43200", "X-Amz-Expires=43199", 1)), 401, ""},
		{"another host", pack(strings.Replace(unpack(t, good), "bedrock.amazonaws.com", "bedrock.example.com", 1)), 401, "no short-term"},
		{"an unknown access key", pack(strings.Replace(unpack(t, good), key.AccessKeyID, "AKIANOBODYEVERHADIT1", 1)), 401, ""},
		{"garbage", "bedrock-api-key-%%%", 401, "no short-term"},
		{"huge", "bedrock-api-key-" + strings.Repeat("QUFB", 2000), 401, "no short-term"},
	} {
		list = append(list, edgetest.Scenario{Name: c.name, Method: "GET", Path: "/v1/models", As: edgetest.Nobody,
			Header: map[string]string{"Authorization": "Bearer " + c.token}, Status: c.status, Want: []string{c.want}})
	}
	list = append(list, edgetest.Scenario{Name: "an access key's rights", Method: "POST", Path: "/v1/chat/completions", As: edgetest.Nobody,
		Header: map[string]string{"Authorization": "Bearer " + shortTerm(t, auditor, action, "bedrock", now)},
		Body:   `{"model":"script-chat","messages":[{"role":"user","content":"x"}]}`, Status: 403})
	list = append(list, edgetest.Scenario{Name: "no administration", Method: "GET", Path: "/admin/v1/keys", As: edgetest.Nobody,
		Header: map[string]string{"Authorization": "Bearer " + good}, Status: 403, Want: []string{"does not administrate"}})
	w.Run(t, list)
}
