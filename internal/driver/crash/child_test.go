//go:build unix

package crash

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/sqlite"
	"github.com/craton-ai/craton/internal/tool"
)

// order is what a child is started with, as JSON in orderEnv.
type order struct {
	// Node is the child's name.
	Node string
	// SQLite is a directory, Postgres an address; one is set.
	SQLite, Postgres string
	// Tools is where tools are.
	Tools string
	// At is the call at which the child dies ("Append after"), Count the
	// number of that call; empty for none.
	At    string
	Count int64
	// Drain says that it will be told to hand over before it dies.
	Drain bool
}

const orderEnv = "CRATON_CRASH_ORDER"

// stores is what both databases have.
type stores interface {
	session.Store
	session.Leaser
	session.Snapshots
	session.Buffer
	session.Index
	Close() error
}

func open(ctx context.Context, o order) (stores, error) {
	if o.SQLite != "" {
		return sqlite.Open(ctx, o.SQLite)
	}
	return postgres.Open(ctx, o.Postgres)
}

// serve is the child: it drives sessions, and serves clients, until it dies or
// is told to hand them over.
func serve(o order) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store, err := open(ctx, o)
	if err != nil {
		return err
	}
	config, err := configure(o.Node, store, &fatal{order: o})
	if err != nil {
		return err
	}
	config.Tools = &remote{url: o.Tools, fatal: &fatal{order: o}}
	d, err := driver.New(config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go lift(ctx, store)
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, (&api{d.Sessions()}).handler()) }()
	over := make(chan struct{})
	go func() { defer close(over); d.Run(ctx) }()
	fmt.Println("http://" + listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-over:
		return ctx.Err()
	}
}

// configure is a driver's configuration over a store whose calls may be fatal.
func configure(node string, store stores, f *fatal) (driver.Config, error) {
	f.stores = store
	journal, err := session.New(session.Config{Store: f, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("k"), nil }})
	return driver.Config{
		Store:   driver.Store{Journals: f, Leases: f, Snapshots: store, Buffer: f, Index: store},
		Journal: journal, Node: node, Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Program: drivertest.Program, Models: &drivertest.Script{Op: drivertest.Counter(node), Begin: overloaded(), Pause: pause},
		TTL: 600 * time.Millisecond, Poll: 50 * time.Millisecond, Linger: 100 * time.Millisecond,
	}, err
}

// overloaded makes every tenth answer fail, so that sessions wait for time.
func overloaded() func(context.Context, driver.Asker) error {
	var n atomic.Int64
	return func(context.Context, driver.Asker) error {
		if n.Add(1)%10 == 7 {
			return model.Errorf(model.Overloaded, "model", "Too many ask.")
		}
		return nil
	}
}

func pause(ctx context.Context, _ driver.Asker) error {
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lift ends quarantines, as a person would.
func lift(ctx context.Context, store stores) {
	for range time.Tick(300 * time.Millisecond) {
		entries, _ := store.Sessions(ctx, session.Query{Tenant: tenant, Quarantined: true})
		for _, e := range entries {
			if !strings.Contains(e.Quarantine, "owners in a row") {
				fmt.Println("wrong: session " + e.ID + " was set aside: " + e.Quarantine)
			}
			fmt.Println("lifted " + e.ID)
			_ = store.Requeue(ctx, tenant, e.ID)
		}
	}
}

// fatal is a store in whose calls the process dies.
type fatal struct {
	stores
	order order
	n     atomic.Int64
}

// at is called before and after each call.
func (f *fatal) at(where string) {
	if f.order.At == where && f.n.Add(1) == f.order.Count {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f *fatal) Append(ctx context.Context, b session.Batch) error {
	f.at("Append before")
	err := f.stores.Append(ctx, b)
	f.at("Append after")
	return err
}

func (f *fatal) AppendDeltas(ctx context.Context, d session.Deltas) error {
	f.at("AppendDeltas before")
	err := f.stores.AppendDeltas(ctx, d)
	f.at("AppendDeltas after")
	return err
}

func (f *fatal) Release(ctx context.Context, l session.Lease, quarantine string) error {
	if quarantine != "" {
		fmt.Println("wrong: session " + l.Head.ID + " is set aside: " + quarantine)
	}
	f.at("Release before")
	err := f.stores.Release(ctx, l, quarantine)
	f.at("Release after")
	return err
}

func (f *fatal) Claim(ctx context.Context, n session.Node, tenant, id string) (session.Lease, error) {
	lease, err := f.stores.Claim(ctx, n, tenant, id)
	f.at("Claim after")
	return lease, err
}

// remote are the tools of the process that started this one.
type remote struct {
	url   string
	fatal *fatal
}

func (r *remote) Open(context.Context, string, tool.Server) (tool.Source, error) { return r, nil }
func (r *remote) List(context.Context) ([]tool.Spec, error)                      { return drivertest.Specs(), nil }
func (r *remote) Close() error                                                   { return nil }

func (r *remote) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	r.fatal.at("Call before")
	body, err := json.Marshal(call)
	if err != nil {
		return tool.Result{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return tool.Result{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return tool.Result{}, model.Wrap(model.UpstreamDown, "tools", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.fatal.at("Call after")
	if err != nil || resp.StatusCode != http.StatusOK {
		return tool.Result{}, model.Errorf(model.UpstreamDown, "tools", "The tools answered %d %s.", resp.StatusCode, text)
	}
	return tool.Result{Content: []model.Part{&model.Text{Text: string(text)}}}, nil
}

// askedFor is how long a person may think: some take longer.
const askedFor = 700 * time.Millisecond

// api serves clients.
type api struct{ sessions *driver.Sessions }

// command is what a client asks for.
type command struct {
	Session, Key, Text string
	// Turn and Call name a function's result, Request a decision.
	Turn, Call, Request, Decision string
}

// standing is what a client sees of a session.
type standing struct {
	Idle    bool
	Actions []command
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /create", a.create)
	mux.HandleFunc("POST /send", a.send)
	mux.HandleFunc("GET /view", a.view)
	mux.HandleFunc("GET /tail", a.tail)
	return mux
}

// refuse answers an error: 409 for a no, 500 for a failure.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var e *model.Error
	if errors.As(err, &e) && !errors.Is(err, session.ErrStale) && (e.Kind == model.Invalid || e.Kind == model.Conflict || e.Kind == model.NotFound) {
		status = http.StatusConflict
	}
	http.Error(w, err.Error(), status)
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	var c command
	_ = json.NewDecoder(r.Body).Decode(&c)
	v, err := a.sessions.Create(r.Context(), driver.Creation{Tenant: tenant, Key: c.Key, Body: []byte(c.Text),
		Created: agent.Created{Definition: drivertest.Definition(), Mode: agent.Parking, ApprovalTTL: askedFor},
		Input:   []model.Message{model.UserText(c.Text)}})
	if err != nil {
		refuse(w, err)
		return
	}
	fmt.Fprint(w, v.State.Session)
}

func (a *api) send(w http.ResponseWriter, r *http.Request) {
	var c command
	_ = json.NewDecoder(r.Body).Decode(&c)
	var body agent.Body
	switch {
	case c.Text != "":
		body = &agent.Message{Messages: []model.Message{model.UserText(c.Text)}}
	case c.Request != "":
		body = &agent.Decision{Request: c.Request, Decision: c.Decision, By: "key_1"}
	default:
		body = &agent.Result{Turn: c.Turn, Call: c.Call, Success: true, Output: []model.Part{&model.Text{Text: "seen"}}}
	}
	err := a.sessions.Send(r.Context(), driver.Input{Tenant: tenant, Session: c.Session, Key: c.Key, Body: []byte(c.Text), Bodies: []agent.Body{body}})
	if err != nil {
		refuse(w, err)
	}
}

func (a *api) view(w http.ResponseWriter, r *http.Request) {
	v, err := a.sessions.Get(r.Context(), tenant, r.FormValue("session"))
	if err != nil {
		refuse(w, err)
		return
	}
	s := standing{Idle: v.Status() == agent.Idle && len(v.Runs) == 0}
	for _, action := range v.Actions() {
		c := command{Session: v.State.Session, Turn: action.Turn.ID, Call: action.Call.ID}
		if action.Call.State == agent.CallAsked {
			c.Request = action.Call.Request
		}
		s.Actions = append(s.Actions, c)
	}
	_ = json.NewEncoder(w).Encode(s)
}

func (a *api) tail(w http.ResponseWriter, r *http.Request) {
	tail, err := a.sessions.Tail(r.Context(), tenant, r.FormValue("session"), r.FormValue("after"))
	if err != nil {
		refuse(w, err)
		return
	}
	defer tail.Close()
	for {
		told, err := tail.Next(r.Context())
		if err != nil {
			return
		}
		fmt.Fprintf(w, "%s\t%q\n", told.ID, drivertest.Describe(told.Signal))
		if !tail.Pending() {
			_ = http.NewResponseController(w).Flush()
		}
	}
}
