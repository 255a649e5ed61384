package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// subject is one way from the client to the upstream.
type subject struct {
	name string
	// proc is nil for the direct way.
	proc    *process.Process
	addr    string
	path    string
	headers map[string]string
	// request makes the body, streamed or not.
	request func(stream bool) []byte
	// skip says why it is not measured.
	skip string
}

// The subjects' names.
const (
	direct      = "direct"
	fastLane    = "craton, fast lane"
	translating = "craton, translating"
	yardstick   = "net/http ReverseProxy"
	bareFast    = "fasthttp proxy"
	portkey     = "Portkey"
	liteLLM     = "LiteLLM"
)

// paths says where the subjects lie; an empty one is skipped with its reason.
type paths struct {
	craton, portkey, litellm string
	reasons                  map[string]string
}

const (
	chatPath     = "/v1/chat/completions"
	messagesPath = "/v1/messages"
	masterKey    = "sk-bench-0123456789abcdef"
)

func openAIBody(model string) func(bool) []byte {
	return func(stream bool) []byte { return openAIRequest(model, stream) }
}

// startAll starts every subject that only names one of (all, if empty) and
// waits until each has answered.
func startAll(ctx context.Context, p paths, dir, upstream string, only []string) ([]*subject, error) {
	all := []*subject{{name: direct, addr: upstream, path: chatPath, request: openAIBody(modelName)}}
	var started sync.WaitGroup
	for _, one := range []struct {
		name  string
		begin func(context.Context, paths, string, string) *subject
	}{
		{fastLane, startFastLane}, {translating, startTranslating}, {yardstick, startReverseProxy},
		{bareFast, startBareFast}, {portkey, startPortkey}, {liteLLM, startLiteLLM},
	} {
		if !wanted(one.name, only) {
			continue
		}
		s := &subject{}
		all = append(all, s)
		started.Go(func() {
			*s = *one.begin(ctx, p, dir, upstream)
			s.name = one.name
		})
	}
	started.Wait()
	for _, s := range all {
		if s.name == yardstick && s.skip != "" {
			return all, fmt.Errorf("%s: %s", s.name, s.skip)
		}
	}
	return all, ctx.Err()
}

// wanted says whether a subject is to be measured: always the yardstick.
func wanted(name string, only []string) bool {
	for _, o := range only {
		if strings.Contains(strings.ToLower(name), strings.ToLower(o)) {
			return true
		}
	}
	return len(only) == 0 || name == yardstick
}

// startOne gives a subject a port, starts it and waits for its first answer.
func startOne(ctx context.Context, begin func(addr string) (*subject, error)) *subject {
	addr, err := process.FreeAddress()
	if err != nil {
		return &subject{skip: err.Error()}
	}
	s, err := begin(addr)
	if err != nil {
		return &subject{skip: err.Error()}
	}
	s.addr = addr
	if err := s.proc.WaitFor(ctx, 90*time.Second, s.probe); err != nil {
		s.proc.Stop(time.Second)
		s.proc, s.skip = nil, err.Error()
	}
	return s
}

// probe asks once.
func (s *subject) probe() error {
	c := &client{addr: s.addr, request: httpRequest(s.addr, s.path, s.headers, s.request(false))}
	defer c.close()
	_, err := c.do(5*time.Second, nil)
	return err
}

func startReverseProxy(ctx context.Context, _ paths, dir, upstream string) *subject {
	return startOwn(ctx, "reverseproxy", dir, upstream)
}

func startBareFast(ctx context.Context, _ paths, dir, upstream string) *subject {
	return startOwn(ctx, "fasthttp", dir, upstream)
}

// startOwn starts this program as one of the bare proxies.
func startOwn(ctx context.Context, role, dir, upstream string) *subject {
	return startOne(ctx, func(addr string) (*subject, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		proc, err := process.Start(dir, role+".log", nil, self, role, "-listen", addr, "-target", upstream)
		return &subject{proc: proc, path: chatPath, request: openAIBody(modelName)}, err
	})
}

func startFastLane(ctx context.Context, p paths, dir, upstream string) *subject {
	return startCraton(ctx, p, filepath.Join(dir, "fast"), upstream, &subject{
		path: chatPath, request: openAIBody("up/" + modelName), headers: map[string]string{},
	})
}

func startTranslating(ctx context.Context, p paths, dir, upstream string) *subject {
	return startCraton(ctx, p, filepath.Join(dir, "translating"), upstream, &subject{
		path:    messagesPath,
		request: func(stream bool) []byte { return anthropicRequest("up/"+modelName, stream) },
		headers: map[string]string{"Anthropic-Version": "2023-06-01"},
	})
}

// startCraton starts Craton with everything on, a process and a data directory
// per lane so that neither shares memory or processor time with the other.
func startCraton(ctx context.Context, p paths, home, upstream string, s *subject) *subject {
	if p.craton == "" {
		s.skip = p.reasons["craton"]
		return s
	}
	return startOne(ctx, func(addr string) (*subject, error) {
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
		config := filepath.Join(home, "craton.yaml")
		if err := os.WriteFile(config, fmt.Appendf(nil, cratonConfig, upstream, upstream), 0o600); err != nil {
			return nil, err
		}
		var err error
		s.proc, err = process.Start(home, cratonLog, []string{"CRATON_API_KEY=" + masterKey},
			p.craton, "serve", "--listen", addr, "--data", filepath.Join(home, "data"), "--config", config)
		if err != nil {
			return nil, err
		}
		err = s.proc.WaitFor(ctx, 30*time.Second, func() error {
			token, err := issueKey(addr)
			s.headers["Authorization"] = "Bearer " + token
			return err
		})
		if err != nil {
			s.proc.Stop(time.Second)
		}
		return s, err
	})
}

// cratonLog is where a Craton process writes, its access log included.
const cratonLog = "craton.log"

// cratonConfig turns on what can be turned on: prices so that calls cost,
// and an exporter for the tenth of them that is traced.
const cratonConfig = `upstreams:
  - {name: up, kind: openai, base_url: "http://%s/v1", models: [bench-model]}
engine: {disabled: true}
prices:
  bench-model: {input: "0.15", output: "0.60"}
observe: {access_log: json, otlp: "http://%s", sample: 0.1}
`

// issueKey makes a developer's key with a rate limit and budgets of its own,
// wide enough never to bind.
func issueKey(addr string) (string, error) {
	body := mustJSON(map[string]any{
		"name": "bench", "kind": "bearer", "roles": []string{"developer"},
		"limits":  map[string]int64{"requests_per_minute": 100_000_000, "tokens_per_minute": 1_000_000_000_000, "concurrent": 100_000},
		"budgets": map[string]int64{"daily_nano_usd": 1_000_000e9, "monthly_nano_usd": 9_000_000e9},
		"tags":    map[string]string{"team": "bench"},
	})
	answer, err := adminCall(http.MethodPost, "http://"+addr+"/admin/v1/keys", body)
	if err != nil {
		return "", err
	}
	var key struct {
		Token string `json:"token"`
	}
	err = json.Unmarshal(answer, &key)
	if err == nil && key.Token == "" {
		err = fmt.Errorf("no token in %s", answer)
	}
	return key.Token, err
}

func adminCall(method, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+masterKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	return answer, err
}

func startPortkey(ctx context.Context, p paths, dir, upstream string) *subject {
	if p.portkey == "" {
		return &subject{skip: p.reasons["portkey"]}
	}
	return startOne(ctx, func(addr string) (*subject, error) {
		_, port, _ := bytes.Cut([]byte(addr), []byte(":"))
		proc, err := process.Start(dir, "portkey.log", []string{"NODE_ENV=production"}, "node", p.portkey, "--port="+string(port), "--headless")
		return &subject{proc: proc, path: chatPath, request: openAIBody(modelName), headers: map[string]string{
			"Authorization": "Bearer upstream-key", "x-portkey-provider": "openai", "x-portkey-custom-host": "http://" + upstream + "/v1",
		}}, err
	})
}

func startLiteLLM(ctx context.Context, p paths, dir, upstream string) *subject {
	if p.litellm == "" {
		return &subject{skip: p.reasons["litellm"]}
	}
	return startOne(ctx, func(addr string) (*subject, error) {
		config := filepath.Join(dir, "litellm.yaml")
		if err := os.WriteFile(config, fmt.Appendf(nil, liteLLMConfig, upstream, masterKey), 0o600); err != nil {
			return nil, err
		}
		_, port, _ := bytes.Cut([]byte(addr), []byte(":"))
		// Its price list is fetched from the network unless told otherwise.
		proc, err := process.Start(dir, "litellm.log", []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_LOG=ERROR", "LITELLM_MODE=PRODUCTION"},
			p.litellm, "--config", config, "--host", "127.0.0.1", "--port", string(port), "--num_workers", "1", "--telemetry", "False")
		return &subject{proc: proc, path: chatPath, request: openAIBody(modelName),
			headers: map[string]string{"Authorization": "Bearer " + masterKey}}, err
	})
}

const liteLLMConfig = `model_list:
  - model_name: bench-model
    litellm_params: {model: openai/bench-model, api_base: "http://%s/v1", api_key: upstream-key}
general_settings: {master_key: %s}
`
