package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// wire is a client's end of a socket.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
}

func dial(t *testing.T, w *edgetest.World, key string) *wire {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, w.URL+"/v1/responses", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + w.Key(key).Token}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &wire{t, conn, ctx}
}

func (c *wire) send(body string) {
	c.t.Helper()
	if err := c.conn.Write(c.ctx, websocket.MessageText, []byte(body)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wire) read() string {
	c.t.Helper()
	_, body, err := c.conn.Read(c.ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(body)
}

// until reads events up to one of a type, and returns them.
func (c *wire) until(kind string) []string {
	c.t.Helper()
	var all []string
	for {
		event := c.read()
		all = append(all, event)
		got := gjson.Get(event, "type").String()
		if got == kind {
			return all
		}
		if got == "error" || got == "response.failed" {
			c.t.Fatalf("%s came instead of %s", event, kind)
		}
	}
}

// say makes a response and returns the completed object.
func (c *wire) say(text, more string) gjson.Result {
	c.t.Helper()
	c.send(`{"type":"response.create","model":"script/script-chat","input":"` + text + `"` + more + `}`)
	all := c.until("response.completed")
	for i, event := range all {
		if gjson.Get(event, "sequence_number").Int() != int64(i) {
			c.t.Errorf("event %d is %s", i, event)
		}
	}
	return gjson.Get(all[len(all)-1], "response")
}

func (c *wire) fails(body, code string) {
	c.t.Helper()
	c.send(body)
	event := c.read()
	if gjson.Get(event, "type").String() != "error" || !strings.Contains(event, code) || gjson.Get(event, "status").Int() < 400 {
		c.t.Errorf("%s does not fail with %s: %s", body, code, event)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	c := dial(t, w, "")
	first := c.say("My name is Ada.", `,"store":false`)
	second := c.say("What is my name?", `,"store":false,"previous_response_id":"`+first.Get("id").String()+`"`)
	if !strings.Contains(second.Raw, "Your name is Ada.") || second.Get("store").Bool() {
		t.Fatal(second.Raw)
	}
	third := c.say("What did I say first?", `,"store":false,"previous_response_id":"`+second.Get("id").String()+`"`)
	if !strings.Contains(third.Raw, "You first said: My name is Ada.") {
		t.Error(third.Raw)
	}
	create := `{"type":"response.create","model":"script/script-chat","input":"x","store":false,"previous_response_id":"%s"}`
	c.fails(fmt.Sprintf(create, "resp_none"), "previous_response_not_found")
	dial(t, w, "").fails(fmt.Sprintf(create, third.Get("id")), "previous_response_not_found")
	c.fails(`{"type":"response.create","model":"script/none","input":"x","store":false,"previous_response_id":"`+third.Get("id").String()+`"}`, "none")
	c.fails(fmt.Sprintf(create, third.Get("id")), "previous_response_not_found") // a continuation that failed
	c.fails(`{"type":"response.dance"}`, "response.dance")
	c.fails(`[]`, "object")
	c.fails(`{"type":"response.create","model":"script/script-chat","input":"x","stream_id":"a b"}`, "stream_id")
	c.fails(`{"type":"response.create","input":"x"}`, "model")

	kept := c.say("My colour is teal.", "")
	if got := dial(t, w, "").say("What is my colour?", `,"previous_response_id":"`+kept.Get("id").String()+`"`); !strings.Contains(got.Raw, "teal") {
		t.Error(got.Raw)
	}
	warm := c.say("My cat is Tom.", `,"generate":false,"store":false,"stream_id":null`)
	if got := c.say("What is my cat?", `,"store":false,"previous_response_id":"`+warm.Get("id").String()+`"`); !strings.Contains(got.Raw, "Tom") {
		t.Error(got.Raw)
	}
	c.send(`{"type":"response.steer","previous_response_id":"resp_none","input":[]}`)
	if event := c.read(); !strings.Contains(event, "response.steer.failed") || !strings.Contains(event, "response_not_found") {
		t.Error(event)
	}
}

func TestSocketLanes(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 4)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	c := dial(t, w, "")
	for i := range 8 {
		c.send(fmt.Sprintf(`{"type":"response.create","model":"script/script-chat","input":"say lane %d","stream_id":"lane-%d"}`, i%4, i%4))
	}
	c.send(`{"type":"response.create","model":"script/script-chat","input":"the price of tea","stream_id":"tools","tools":[` + shopTool + `]}`)
	done := map[string]int{}
	for sum := 0; sum < 9; {
		event := c.read()
		lane := gjson.Get(event, "stream_id").String()
		if lane == "" {
			t.Fatalf("an event of no lane: %s", event)
		}
		if gjson.Get(event, "type").String() == "response.completed" {
			sum++
			done[lane]++
		}
	}
	if done["lane-0"] != 2 || done["lane-3"] != 2 || done["tools"] != 1 {
		t.Error(done)
	}
	for i := range 40 {
		c.send(fmt.Sprintf(`{"type":"response.create","model":"script/script-chat","input":"x","stream_id":"more-%d"}`, i))
	}
	for refused := 0; refused == 0; {
		if strings.Contains(c.read(), "websocket_stream_limit_reached") {
			refused++
		}
	}
}

func TestSocketIsGuarded(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	upgrade := map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
	foreign := map[string]string{"Origin": "https://evil.example.com"}
	for k, v := range upgrade {
		foreign[k] = v
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "without a key", Method: http.MethodGet, Path: "/v1/responses", As: edgetest.Nobody, Header: upgrade, Status: 401},
		{Name: "from a foreign page", Method: http.MethodGet, Path: "/v1/responses", Header: foreign, Status: 403, Want: []string{"origin"}},
		{Name: "without an upgrade", Method: http.MethodGet, Path: "/v1/responses", Status: 400, Want: []string{"WebSocket"}},
	})
}
