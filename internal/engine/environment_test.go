package engine

import (
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	server := []string{"PATH=/bin", "LD_LIBRARY_PATH=/lib", "CUDA_VISIBLE_DEVICES=0", "CRATON_MASTER_KEY=m", "craton_api_key=k",
		"OPENAI_API_KEY=sk", "AWS_SECRET_ACCESS_KEY=s", "HF_TOKEN=hf", "PGPASSWORD=p", "STATE=postgres://u:p@db/x",
		"HTTPS_PROXY=http://u:p@proxy", "HTTP_PROXY=http://proxy", "EMPTY="}
	for foreign, want := range map[bool]string{
		false: "PATH=/bin LD_LIBRARY_PATH=/lib CUDA_VISIBLE_DEVICES=0 HTTP_PROXY=http://proxy EMPTY=",
		true: "PATH=/bin LD_LIBRARY_PATH=/lib CUDA_VISIBLE_DEVICES=0 OPENAI_API_KEY=sk AWS_SECRET_ACCESS_KEY=s HF_TOKEN=hf PGPASSWORD=p " +
			"HTTPS_PROXY=http://u:p@proxy HTTP_PROXY=http://proxy EMPTY=",
	} {
		if got := strings.Join(environment(server, foreign), " "); got != want {
			t.Errorf("foreign %v: got\n%s\nwant\n%s", foreign, got, want)
		}
	}
	if server[3] != "CRATON_MASTER_KEY=m" {
		t.Error("the server's own environment was changed")
	}
}
