package edge

import "testing"

func TestMayNameAddress(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"image_url":{"url":"https://a/"}}`, "{\"url\" :\n\"//10.0.0.1\"}", `{"IMAGE_URL":"x"}`, `{"url":"\nhttp://a"}`,
		`{"image":"HTTP://a"}`, `{"a":["file:///etc/passwd"]}`, `{"a":" s3://b/k"}`, `{"\u0075rl":"x"}`, `{"a":"\u0068ttp://a"}`,
		`{"a":"\\","url":"ftp://a"}`, `{"url":"data\u003ax","video_url":{"url":"gs://b"}}`,
	} {
		if !mayNameAddress([]byte(body)) {
			t.Errorf("%s passes", body)
		}
	}
	for _, body := range []string{
		`{"model":"m","messages":[{"role":"user","content":"see https://a/ and \"url\": \"x\""}]}`,
		`{"image_url":{"url":"data:image/png;base64,AAAA"}}`, `{"url":null,"image_url":{"detail":"low"}}`,
		`{"properties":{"url":{"type":"string"}},"required":["url"]}`, `{"a":"gr\u00fc\u00df dich \u003cb\u003e \u0022"}`,
		`{"arguments":"{\"url\":\"https://a\"}"}`, `{"a":"url\\"}`, ``, `"`, `{"a":"\`,
	} {
		if mayNameAddress([]byte(body)) {
			t.Errorf("%s does not pass", body)
		}
	}
}
