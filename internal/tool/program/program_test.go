package program_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/program"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "program" {
		os.Exit(program.Main(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func runner(l program.Limits) *program.Runner {
	return &program.Runner{Path: os.Args[0], Args: []string{"program"}, Limits: l}
}

// none is for programs that make no calls.
func none(context.Context, int, string, string) (tool.Result, error) {
	return tool.Result{}, errors.New("the program made a call")
}

func say(s string) tool.Result {
	return tool.Result{Content: []model.Part{&model.Text{Text: s}}}
}

func text(r tool.Result) string {
	var list []string
	for _, p := range r.Content {
		list = append(list, p.(*model.Text).Text)
	}
	return strings.Join(list, "\n")
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`return 6*7`: "42",
		`console.log("a", {b: [1]}, 2); return "x"`: "a {\"b\":[1]} 2\n\"x\"",
		`console.log("only")`:                       "only",
		``:                                          "The program ended without a result.",
		`return [1,2,3].map(x => x**2)`:             "[1,4,9]",
		`return new Date(0).toString()`:             `"Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)"`,
		`return await Promise.all([1, Promise.resolve(2)])`:                   "[1,2]",
		`return typeof require + typeof process + typeof fetch + typeof Deno`: `"undefinedundefinedundefinedundefined"`,
		`const {a, ...rest} = {a: 1, b: 2}; return rest?.b ?? 0n.toString()`:  "2",
		`try { throw new RangeError("no") } catch (e) { return e.message }`:   `"no"`,
		`class A { #x = 1; get x() { return this.#x } }; return (new A()).x`:  "1",
		`return "\ud800"`: "\"\uFFFD\"",
	} {
		r, err := runner(program.Limits{}).Run(t.Context(), code, none)
		if err != nil || r.Error || text(r) != want {
			t.Errorf("%s: got %q, %v, want %q", code, text(r), err, want)
		}
	}
	for code, want := range map[string]string{
		`throw new Error("bad luck")`:                            "bad luck",
		`return x.y`:                                             "ReferenceError",
		`return (`:                                               "SyntaxError",
		`return Math.random()`:                                   "no chance",
		`return Date.now()`:                                      "no clock",
		`return new Date()`:                                      "no clock",
		`return 1n`:                                              "not JSON",
		`const a = {}; a.a = a; return a`:                        "not JSON",
		`await new Promise(() => {})`:                            "never comes",
		`return await tools.x(3)`:                                "one object",
		`const f = () => f(); f()`:                               "too deeply",
		`return "x".repeat(300000)`:                              "longer than",
		`}); (async () => {`:                                     "",
		`tools.x = 1; "use strict"; return tools.x.y.z`:          "TypeError",
		strings.Repeat(" ", 300<<10):                             "longer than",
		`await Promise.reject({code: 7})`:                        "[object Object]",
		`const p = new Proxy({}, {get() { throw 1 }}); return p`: "",
	} {
		r, err := runner(program.Limits{}).Run(t.Context(), code, none)
		if err != nil || !r.Error && want != "" || !strings.Contains(text(r), want) {
			t.Errorf("%.40s: got %q, %v, want %q", code, text(r), err, want)
		}
	}
}

// TestLimits runs programs that want all there is; each is ended and told why.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"endless loop":              `for (;;) {}`,
		"endless loop after a call": `await tools.echo({}); for (;;) {}`,
		"endless promises":          `const f = async () => { await null; return f() }; await f()`,
		"regular expression":        `return /^(?=(a+)+$)\1b/.test("a".repeat(40) + "!")`,
		"many objects":              `const a = []; for (;;) a.push({x: a.length})`,
		"large strings":             `let s = "x"; for (;;) s += s`,
		"one large array":           `return new ArrayBuffer(8 * 1024 * 1024 * 1024).byteLength`,
		"large typed arrays":        `const a = []; for (;;) a.push(new Uint8Array(50000000).fill(1))`,
		"sorting for ever":          `const a = Array.from({length: 100000}, (_, i) => i); for (;;) a.sort((x, y) => y - x)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := runner(program.Limits{Memory: 64 << 20, Compute: time.Second}).Run(t.Context(), code,
				func(context.Context, int, string, string) (tool.Result, error) { return say("ok"), nil })
			if err != nil || !r.Error || !strings.Contains(text(r), "The program") && !strings.Contains(text(r), "Error") {
				t.Errorf("got %q, %v", text(r), err)
			}
		})
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	r, err := runner(program.Limits{}).Run(t.Context(), `for (let i = 0; i < 100000; i++) console.log("line", i); return "end"`, none)
	if got := text(r); err != nil || r.Error || len(got) > 70<<10 || !strings.Contains(got, "left out") || !strings.HasSuffix(got, `"end"`) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	call := func(_ context.Context, n int, name, arguments string) (tool.Result, error) {
		switch name {
		case "fail":
			r := say("no such page")
			r.Error = true
			return r, nil
		case "json":
			return tool.Result{Content: []model.Part{&model.Structured{JSON: []byte(`{"n":[1,2]}`)}}}, nil
		case "picture":
			return tool.Result{Content: []model.Part{&model.Image{Source: model.Source{MIME: "image/png"}}, &model.Text{Text: "a cat"}}}, nil
		}
		return say(fmt.Sprintf("%d:%s:%s", n, name, arguments)), nil
	}
	for code, want := range map[string]string{
		`return await tools.echo({a: 1})`:                                                      `"0:echo:{\"a\":1}"`,
		`return await tools["my-tool.v1"]()`:                                                   `"0:my-tool.v1:{}"`,
		`try { await tools.fail() } catch (e) { return e instanceof Error && e.message }`:      `"no such page"`,
		`return (await tools.json()).n[1]`:                                                     "2",
		`return await tools.picture()`:                                                         `"[an image, image/png]\na cat"`,
		`const out = []; for (let i = 0; i < 3; i++) out.push(await tools.t({i})); return out`: `["0:t:{\"i\":0}","1:t:{\"i\":1}","2:t:{\"i\":2}"]`,
		`return (await Promise.all([tools.a(), tools.b()])).join()`:                            `"0:a:{},1:b:{}"`,
	} {
		r, err := runner(program.Limits{}).Run(t.Context(), code, call)
		if err != nil || r.Error || text(r) != want {
			t.Errorf("%s: got %q, %v, want %q", code, text(r), err, want)
		}
	}
	r, err := runner(program.Limits{}).Run(t.Context(), `await tools.fail()`, call)
	if err != nil || !r.Error || !strings.Contains(text(r), "no such page") {
		t.Errorf("an exception nobody catches: %q, %v", text(r), err)
	}
	r, err = runner(program.Limits{}).Run(t.Context(), `const all = []; for (let i = 0; i < 2000; i++) all.push(tools.a({i})); await Promise.all(all)`, call)
	if err != nil || !r.Error || !strings.Contains(text(r), "at most 1000 calls") {
		t.Errorf("too many calls: %q, %v", text(r), err)
	}
}

// TestReplay runs a program whose calls race, first with outcomes in an order
// that changes, then again with the outcomes recorded: it makes the same calls.
func TestReplay(t *testing.T) {
	t.Parallel()
	code := `
		const seen = [];
		const worker = async (name) => {
			for (let i = 0; i < 4; i++) seen.push(await tools.step({name, i, seen: seen.length}));
		};
		await Promise.all(["a", "b", "c"].map(worker));
		return seen;`
	var first []string
	for round := range 3 {
		var mu sync.Mutex
		made := map[int]string{}
		held := make(chan struct{}, 1)
		r, err := runner(program.Limits{}).Run(t.Context(), code, func(_ context.Context, n int, name, arguments string) (tool.Result, error) {
			mu.Lock()
			made[n] = name + arguments
			mu.Unlock()
			if n%3 == round { // one of three waits for a later one
				<-held
			} else if n%3 == (round+1)%3 {
				held <- struct{}{}
			}
			return say(fmt.Sprint("outcome ", n)), nil
		})
		if err != nil || r.Error {
			t.Fatalf("%q, %v", text(r), err)
		}
		var calls []string
		for n := range len(made) {
			calls = append(calls, made[n])
		}
		calls = append(calls, text(r))
		if first == nil {
			first = calls
		}
		if strings.Join(calls, "\n") != strings.Join(first, "\n") || len(made) != 12 {
			t.Errorf("round %d differs:\n%s\nfirst:\n%s", round, strings.Join(calls, "\n"), strings.Join(first, "\n"))
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := runner(program.Limits{}).Run(ctx, `await tools.wait()`, func(ctx context.Context, _ int, _, _ string) (tool.Result, error) {
		cancel(context.Canceled)
		<-ctx.Done()
		return tool.Result{}, ctx.Err()
	})
	if e := model.AsError(err); e == nil || e.Kind != model.Canceled {
		t.Errorf("got %v", err)
	}
	gone := model.Errorf(model.Forbidden, "tool", "No.")
	_, err = runner(program.Limits{}).Run(t.Context(), `await tools.wait()`, func(context.Context, int, string, string) (tool.Result, error) {
		return tool.Result{}, gone
	})
	if e := model.AsError(err); e == nil || e.Kind != model.Forbidden {
		t.Errorf("got %v", err)
	}
	missing := &program.Runner{Path: "/no/such/file"}
	if _, err := missing.Run(t.Context(), "return 1", none); model.AsError(err).Kind != model.Internal {
		t.Errorf("without a process: %v", err)
	}
}
