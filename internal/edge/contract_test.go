package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// expect is how a contract answers one fault.
type expect struct {
	status int
	want   []string
}

// contract is a dialect as the tables of this package describe it.
type contract struct {
	name string
	// as is the key that its clients use.
	as   string
	path func(model string, stream bool) string
	body func(model, text string, stream bool) string
	// answers says what the text of a good answer looks like.
	answers func(text string) string
	// faults are by name; see badInput.
	faults map[string]expect
	// unsupported is a body that asks for what the script model cannot do.
	unsupported string
	// broken is what a stream holds whose upstream fails in the middle.
	broken, garbage []string
	requestID       string
}

const scriptModel = "script/script-chat"

// faultyWorld has one upstream for each way to fail.
func faultyWorld(t *testing.T) *edgetest.World {
	t.Helper()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{
		edgetest.Failing("down", model.UpstreamDown),
		edgetest.Failing("denied", model.UpstreamDenied),
		edgetest.Failing("garbage", model.UpstreamGarbage),
		edgetest.Failing("ours", model.Internal),
		edgetest.Breaking("breaks", model.UpstreamDown),
		edgetest.Breaking("babbles", model.UpstreamGarbage),
		edgetest.Upstream("one", "twice", nil), edgetest.Upstream("two", "twice", nil),
	}, Edge: func(o *edge.Options) { o.MaxBodyBytes = 64 << 10 }})
	w.AddKey(t, "auditor", identity.KeySpec{Roles: []identity.Role{identity.Auditor}})
	w.AddKey(t, "brief", identity.KeySpec{ExpiresAt: w.Now().Add(time.Second)})
	w.AddKey(t, "auditor-aws", identity.KeySpec{Roles: []identity.Role{identity.Auditor}, Kind: identity.KindAWS})
	w.AddKey(t, "brief-aws", identity.KeySpec{ExpiresAt: w.Now().Add(time.Second), Kind: identity.KindAWS})
	w.Advance(2 * time.Second)
	return w
}

// of names a key in the form the contract's clients use.
func (c *contract) of(key string) string {
	if c.as == "aws" {
		return key + "-aws"
	}
	return key
}

// badInput is what every contract must refuse in its own way.
func badInput(c *contract) []edgetest.Scenario {
	ask := func(name, model string, stream bool) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Path: c.path(model, stream), Body: c.body(model, "Hello", stream), As: c.as}
	}
	list := []edgetest.Scenario{ask("unknown model", "script/nope", false), ask("ambiguous model", "twice", false),
		ask("down", "down/m", false), ask("denied", "denied/m", false), ask("garbage", "garbage/m", false), ask("ours", "ours/m", false),
		ask("wrong contract", "script/script-embed", false)}
	for _, s := range list[2:6] {
		s.Name, s.Path = s.Name+" stream", c.path(s.Name+"/m", true)
		s.Body = c.body(strings.TrimSuffix(s.Name, " stream")+"/m", "Hello", true)
		list = append(list, s)
	}
	plain := func(name, body string) edgetest.Scenario {
		s := ask(name, scriptModel, false)
		s.Body = body
		return s
	}
	good := c.body(scriptModel, "Hello", false)
	huge := c.body(scriptModel, strings.Repeat("a", 65<<10), false)
	chunked := plain("oversized chunked", huge)
	chunked.Chunked = true
	list = append(list,
		plain("malformed", good[:len(good)-1]), plain("empty", ""), plain("not an object", `[1]`),
		plain("deep", strings.TrimSuffix(good, "}")+`,"extra":`+strings.Repeat("[", 15000)+strings.Repeat("]", 15000)+"}"),
		plain("bad UTF-8", strings.Replace(good, "Hello", "Hel\xfflo", 1)),
		plain("oversized", huge), chunked, plain("unsupported", c.unsupported),
	)
	for name, key := range map[string]string{"missing key": edgetest.Nobody, "wrong key": edgetest.Stranger,
		"expired key": c.of("brief"), "insufficient role": c.of("auditor")} {
		s := ask(name, scriptModel, false)
		s.As = key
		list = append(list, s)
	}
	for i := range list {
		s := &list[i]
		e, ok := c.faults[strings.TrimSuffix(s.Name, " stream")]
		if !ok {
			panic(fmt.Sprintf("%s says nothing of %q", c.name, s.Name))
		}
		s.Method, s.Status, s.Want = http.MethodPost, e.status, e.want
		s.Not = []string{edgetest.Internals, "sk-upstream", "10.1.2.3", "goroutine", "internal/", ".go:"}
		s.WantHeader = map[string]string{c.requestID: "*", "Content-Type": "application/json", "X-Craton-Served-By": ""}
	}
	return list
}

// brokenStreams are answers that fail after their first byte.
func brokenStreams(c *contract) []edgetest.Scenario {
	var list []edgetest.Scenario
	for name, want := range map[string][]string{"breaks": c.broken, "babbles": c.garbage} {
		list = append(list, edgetest.Scenario{Name: name, Method: http.MethodPost, Path: c.path(name+"/m", true), As: c.as,
			Body: c.body(name+"/m", "Hello", true), Want: append([]string{"one "}, want...), Not: []string{edgetest.Internals, "sk-upstream"},
			Then: func(t *testing.T, a *edgetest.Answer) {
				if a.Err != nil {
					t.Errorf("the stream did not end properly: %v", a.Err)
				}
				r := a.World.Record(t, a.Header.Get(c.requestID))
				if !r.Estimated || r.Tokens.Output == 0 || r.Status < 500 {
					t.Errorf("what was used is not recorded: %+v", r)
				}
			}})
	}
	return list
}

// runContract holds a contract against its table.
func runContract(t *testing.T, c *contract) {
	t.Parallel()
	w := faultyWorld(t)
	w.Run(t, []edgetest.Scenario{
		{Name: "a good request", Method: http.MethodPost, Path: c.path(scriptModel, false), As: c.as, Body: c.body(scriptModel, "Hello", false),
			Want: []string{c.answers("You said: Hello")}, WantHeader: map[string]string{c.requestID: "*", "X-Craton-Served-By": scriptModel}},
		{Name: "a good stream", Method: http.MethodPost, Path: c.path(scriptModel, true), As: c.as, Body: c.body(scriptModel, "Hello", true),
			Want: []string{"said:"}, WantHeader: map[string]string{c.requestID: "*"}},
	})
	w.Run(t, badInput(c))
	w.Run(t, brokenStreams(c))
}
