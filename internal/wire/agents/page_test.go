package agents

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/model"
)

func TestDecodeQuery(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		query string
		want  Query
		param string
	}{
		{"", Query{Limit: 20}, ""},
		{"limit=1&order=asc&after=response%3Acursor%2F%2Bfirst", Query{Limit: 1, Ascending: true, After: "response:cursor/+first"}, ""},
		{"metadata%5Bteam%20a%5D=%C3%BC&metadata[empty]=", Query{Limit: 20, Metadata: map[string]string{"team a": "ü", "empty": ""}}, ""},
		{"status=active", Query{Limit: 20, Statuses: []string{"active"}}, ""},
		{"status[]=active&status%5B%5D=archived", Query{Limit: 20, Statuses: []string{"active", "archived"}}, ""},
		{"limit=0", Query{}, "limit"},
		{"limit=101", Query{}, "limit"},
		{"limit=ten", Query{}, "limit"},
		{"order=up", Query{}, "order"},
		{"status=gone", Query{}, "status"},
		{"metadata[]=x", Query{}, "metadata"},
		{"metadata[a]=x&metadata[a]=y", Query{}, "metadata[a]"},
		{"metadata[a]=" + strings.Repeat("x", 513), Query{}, "metadata.a"},
	} {
		values, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeQuery(values)
		if tc.param != "" {
			if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != tc.param {
				t.Errorf("%q: %v, want an error about %s", tc.query, err, tc.param)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", tc.query, err, diff)
		}
	}
}

func TestEncodePage(t *testing.T) {
	t.Parallel()
	id := func(s string) string { return s }
	body, err := EncodePage(nil, false, id)
	if want := `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}`; err != nil || string(body) != want {
		t.Errorf("%s %v", body, err)
	}
	body, err = EncodePage([]string{"b", "a"}, true, id)
	if want := `{"object":"list","data":["b","a"],"first_id":"b","last_id":"a","has_more":true}`; err != nil || string(body) != want {
		t.Errorf("%s %v", body, err)
	}
}

func TestMetadataFilterMatchesItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, MaxMetadataKey, -1)
		metadata := rapid.MapOfN(text, rapid.StringN(0, 40, -1), 1, MaxMetadata).Draw(t, "metadata")
		values := url.Values{}
		for k, v := range metadata {
			values.Set("metadata["+k+"]", v)
		}
		again, err := url.ParseQuery(values.Encode())
		if err != nil {
			t.Fatal(err)
		}
		q, err := DecodeQuery(again)
		if err != nil {
			t.Fatal(err)
		}
		if !q.Matches(metadata) || cmp.Diff(q.Metadata, metadata) != "" {
			t.Fatalf("%v does not match %v", q.Metadata, metadata)
		}
		for k := range metadata {
			other := map[string]string{k: metadata[k] + "x"}
			if q.Matches(other) {
				t.Fatalf("%v matches %v", q.Metadata, other)
			}
			break
		}
	})
}

func TestEncodeError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    *model.Error
		status int
		body   string
	}{
		{model.Errorf(model.NotFound, "vault_1", "No such vault."), 404,
			`{"error":{"message":"No such vault.","type":"not_found_error","param":null,"code":"not_found_error"}}`},
		{model.Errorf(model.Invalid, "auth.token", "Missing."), 400,
			`{"error":{"message":"Missing.","type":"invalid_request_error","param":"auth.token","code":"invalid_request_error"}}`},
		{&model.Error{Kind: model.Invalid, Code: CodeBeta, Message: "Beta."}, 400,
			`{"error":{"message":"Beta.","type":"invalid_request_error","param":null,"code":"invalid_beta"}}`},
		{&model.Error{Kind: model.UpstreamDown, Code: "mcp_server_startup_failed", Message: "Down."}, 424,
			`{"error":{"message":"Down.","type":"service_unavailable_error","param":null,"code":"mcp_server_startup_failed"}}`},
		{&model.Error{Kind: model.Invalid, Code: "somebody_elses", Message: "\xff"}, 400,
			`{"error":{"message":"The request failed, for a reason that cannot be written down.","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`},
	} {
		status, body := EncodeError(tc.err)
		if status != tc.status || string(body) != tc.body {
			t.Errorf("%v: %d %s", tc.err, status, body)
		}
	}
}
