package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/responses"
)

// Bounds of a socket.
const (
	socketLife  = 60 * time.Minute
	socketLanes = 32
	// socketBusy is how many responses may be made at once.
	socketBusy = 16
	// socketQueue is how many requests may wait in one lane.
	socketQueue = 16
	// socketHeld bounds what waits or is answered on one connection, in largest
	// requests: the queues alone would hold hundreds of those.
	socketHeld = 2
	// socketPatience is how long a reader may take for one message.
	socketPatience = 30 * time.Second
)

var laneName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)

// cachedResponse is the last response of a connection.
type cachedResponse struct {
	id string
	// stored says that the journal has it; else items are everything up to its
	// end.
	stored bool
	items  []jsontext.Value
}

// socket is a connection in the contract's WebSocket mode. Each lane makes its
// responses one after the other.
type socket struct {
	c     *call
	conn  *websocket.Conn
	ctx   context.Context
	group sync.WaitGroup // of lanes
	slots chan struct{}

	writing sync.Mutex // held while writing

	mu     sync.Mutex // guards what follows
	lanes  map[string]chan []byte
	cached *cachedResponse
	// active are the ids of responses being made.
	active map[string]bool
	// held is how many bytes of requests wait or are being answered.
	held int64
}

// responseSocket serves GET /v1/responses with an upgrade to WebSocket.
func (h *Handler) responseSocket(c *call) error {
	if !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		return model.Errorf(model.Invalid, "", "GET %s opens a WebSocket: the request has no 'Upgrade: websocket'.", c.r.URL.Path).
			WithHint("To create a response, use POST.")
	}
	if origin := c.r.Header.Get("Origin"); origin != "" && !h.origin[origin] && !sameHost(origin, c.r.Host) {
		return model.Errorf(model.Forbidden, "Origin", "Pages of this origin may not open a socket here.").
			WithHint("The operator lists origins in `cors.origins`.")
	}
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin was checked above
	if err != nil {
		return model.Wrap(model.Invalid, "edge.responseSocket", err)
	}
	conn.SetReadLimit(h.opts.MaxBodyBytes)
	ctx, cancel := context.WithTimeout(c.r.Context(), socketLife)
	defer cancel()
	stop := context.AfterFunc(h.closing, cancel)
	defer stop()
	s := &socket{c: c, conn: conn, ctx: ctx, slots: make(chan struct{}, socketBusy), lanes: map[string]chan []byte{}, active: map[string]bool{}}
	err = s.serve()
	cancel()
	s.group.Wait()
	s.bye(err)
	return nil
}

// sameHost reports whether a page was served from this host.
func sameHost(origin, host string) bool {
	_, from, _ := strings.Cut(origin, "://")
	return strings.EqualFold(from, host)
}

// bye closes the connection and says why.
func (s *socket) bye(err error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		_ = s.conn.Close(websocket.StatusNormalClosure, "the connection has lasted an hour")
	case s.c.h.closing.Err() != nil:
		_ = s.conn.Close(websocket.StatusGoingAway, "the server stops")
	default:
		_ = s.conn.CloseNow() // the client left, or cannot be spoken to
	}
}

// serve reads messages until the connection ends. A read must not be cut off by
// the connection's lifetime, or nothing could be said about it.
func (s *socket) serve() error {
	type message struct {
		body []byte
		err  error
	}
	read := make(chan message)
	reading, stop := context.WithCancel(context.WithoutCancel(s.ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() {
		for {
			kind, body, err := s.conn.Read(reading)
			if err == nil && kind != websocket.MessageText {
				body = nil
			}
			select {
			case read <- message{body, err}:
			case <-reading.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	for {
		select {
		case <-s.ctx.Done():
			s.last() // before reading is stopped, which ends the connection
			return s.ctx.Err()
		case m := <-read:
			if m.err != nil {
				return m.err
			}
			s.take(m.body)
		}
	}
}

// last says why a connection ends that the server closes.
func (s *socket) last() {
	if errors.Is(s.ctx.Err(), context.DeadlineExceeded) {
		s.refuse("", &model.Error{Kind: model.Invalid, Code: "websocket_connection_limit_reached",
			Message: "The connection has lasted as long as one may.", Hint: "Open a new one, and continue stored responses there."})
	}
}

// take hands a message to its lane.
func (s *socket) take(body []byte) {
	lane := gjson.GetBytes(body, "stream_id")
	name := lane.String()
	switch {
	case !jsontext.Value(body).IsValid() || !gjson.ParseBytes(body).IsObject():
		s.refuse("", model.Errorf(model.Invalid, "", "A message is one JSON object, as text."))
		return
	case lane.Type != gjson.Null && (lane.Type != gjson.String || !laneName.MatchString(name)):
		s.refuse("", model.Errorf(model.Invalid, "stream_id", "A stream_id has 1 to 256 letters, digits, '.', '_' and '-'."))
		return
	}
	switch kind := gjson.GetBytes(body, "type").String(); kind {
	case "response.create":
		s.enqueue(name, body)
	case "response.steer":
		s.steer(name, body)
	default:
		s.refuse(name, model.Errorf(model.Invalid, "type", "There is no message of type '%s'.", truncate(kind, 80)).
			WithHint("Send response.create or response.steer."))
	}
}

// enqueue puts a request into its lane, which is opened if need be.
func (s *socket) enqueue(name string, body []byte) {
	s.mu.Lock()
	lane := s.lanes[name]
	if lane == nil {
		named := len(s.lanes)
		if _, plain := s.lanes[""]; plain {
			named--
		}
		if name != "" && named >= socketLanes {
			s.mu.Unlock()
			s.refuse(name, &model.Error{Kind: model.Invalid, Subject: "stream_id", Code: "websocket_stream_limit_reached",
				Message: "The connection has as many streams as one may have.", Hint: "Use one of them, or another connection."})
			return
		}
		lane = make(chan []byte, socketQueue)
		s.lanes[name] = lane
		s.group.Go(func() { s.work(name, lane) })
	}
	fits := s.held+int64(len(body)) <= socketHeld*s.c.h.opts.MaxBodyBytes
	if fits {
		s.held += int64(len(body))
	}
	s.mu.Unlock()
	if !fits {
		s.refuse(name, &model.Error{Kind: model.RateLimited, Message: "The requests that wait on this connection are too large together.",
			Hint: "Wait for responses before sending more, or use another connection."})
		return
	}
	select {
	case lane <- body:
	default:
		s.release(body)
		s.refuse(name, &model.Error{Kind: model.RateLimited, Subject: "stream_id", Message: "Too many requests wait in this stream.",
			Hint: "Wait for responses before sending more."})
	}
}

// release gives back the room of a request that is answered or refused.
func (s *socket) release(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= int64(len(body))
}

// work makes a lane's responses, in order.
func (s *socket) work(name string, lane <-chan []byte) {
	for {
		select {
		case <-s.ctx.Done():
			return
		case body := <-lane:
			select {
			case s.slots <- struct{}{}:
			case <-s.ctx.Done():
				return
			}
			err := s.respond(body)
			s.release(body)
			if err != nil && s.ctx.Err() == nil {
				s.refuse(name, model.AsError(err))
			}
			<-s.slots
		}
	}
}

// sub is a request of the connection as a call of its own.
func (s *socket) sub(body []byte) *call {
	c := s.c
	one := &call{h: c.h, w: &countingWriter{ResponseWriter: nowhere{http.Header{}}}, r: c.r.WithContext(s.ctx), d: c.d, id: c.h.opts.NewID(), start: c.h.opts.Now(),
		who: c.who, key: c.key, body: body}
	return one
}

// nowhere takes the headers of an answer that has none.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// respond makes one response. An error says that it never began.
func (s *socket) respond(body []byte) error {
	c := s.sub(body)
	failed := error(&model.Error{Kind: model.Internal, Op: "edge.respond"}) // unless it comes to its end
	c.run(func() error {
		failed = s.create(c)
		return failed
	})
	return failed
}

func (s *socket) create(c *call) error {
	// What a key may do is asked again: the connection may be old.
	if err := c.again(); err != nil {
		return err
	}
	s.mu.Lock()
	cached := s.cached
	s.mu.Unlock()
	if cached == nil {
		cached = &cachedResponse{}
	}
	body, err := responses.Streamed(c.body)
	if err != nil {
		return err
	}
	t, err := c.newTurn(body, cached)
	if err == nil && (t.opts.Generate == nil || *t.opts.Generate) {
		err = t.sayable()
	}
	if err == nil {
		err = t.manageContext()
	}
	if err == nil {
		err = s.make(t)
	}
	if err != nil && t != nil && t.opts.PreviousResponseID != "" && t.opts.PreviousResponseID == cached.id {
		s.remember(nil) // a continuation that failed ends the chain
	}
	if err != nil && t == nil && gjson.GetBytes(c.body, "previous_response_id").String() == cached.id {
		s.remember(nil)
	}
	return err
}

// again asks anew what the connection's key may do.
func (c *call) again() error {
	who, key, err := c.h.opts.Directory.Holder(c.r.Context(), c.who.Tenant.ID, c.key.ID)
	if err != nil {
		return err
	}
	c.who, c.key = who, key
	return c.permit(identity.ModelInvoke)
}

func (s *socket) remember(r *cachedResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached = r
}

// make makes the response, or only gets ready for it.
func (s *socket) make(t *turn) error {
	t.show.Bare, t.show.NoDone = true, true
	s.mu.Lock()
	s.active[t.show.ID] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.active, t.show.ID)
	}()
	if t.opts.Generate != nil && !*t.opts.Generate {
		return s.warm(t)
	}
	if t.runs() {
		return s.follow(t)
	}
	answer, err := t.ask()
	if err != nil {
		return err
	}
	return s.pump(t, answer.Stream)
}

// warm answers without asking the model: what was sent is there to continue.
func (s *socket) warm(t *turn) error {
	enc := responses.NewEncoder(t.show)
	dst := enc.Finish(enc.Start(nil), t.c.h.opts.Now().Unix())
	if err := t.save(enc.Response()); err != nil {
		return err
	}
	s.keep(t, enc.Response())
	return s.send(dst)
}

// pump passes an answer on as it comes.
func (s *socket) pump(t *turn, stream model.Stream) error {
	defer stream.Close()
	enc := responses.NewEncoder(t.show)
	o := &opened{enc, t.open(enc)}
	begun := false
	var dst []byte
	for {
		ev, err := stream.Next()
		switch {
		case err == nil:
			dst, err = o.Append(dst[:0], ev)
		case errors.Is(err, io.EOF):
			dst, err = t.finish(o.before(dst[:0]), enc)
			if err == nil {
				s.keep(t, enc.Response())
			}
			return errors.Join(s.send(dst), err)
		case !begun:
			return err
		}
		if err != nil {
			s.forget(t)
			return s.send(o.AppendError(dst[:0], model.AsError(err)))
		}
		begun = true
		if err := s.send(dst); err != nil {
			return err
		}
	}
}

// follow passes on what a session that makes a response tells.
func (s *socket) follow(t *turn) error {
	view, err := t.begin()
	if err != nil {
		t.forget()
		return err
	}
	id := view.State.Session
	defer t.dispose(id)
	f, first, err := t.c.newFollow(s.ctx, id, func(show *responses.ResponseOptions) {
		show.Bare, show.NoDone = true, true
		show.Options.StreamID = t.opts.StreamID
	})
	if err != nil {
		return err
	}
	if err := f.run(s.ctx, first, s.send); err != nil {
		return err
	}
	s.keep(t, f.n.enc.Response())
	return nil
}

// keep remembers a response that came to its end.
func (s *socket) keep(t *turn, body []byte) {
	r := &cachedResponse{id: t.show.ID, stored: t.opts.Stored()}
	if !r.stored {
		var object struct {
			Output []jsontext.Value `json:"output"`
		}
		before, err := encodeMessages(t.before)
		if err != nil || json.Unmarshal(bytes.Clone(body), &object) != nil {
			s.remember(nil)
			return
		}
		r.items = append(append(before, t.input...), object.Output...)
	}
	s.remember(r)
}

// forget drops what is remembered if a continuation of it failed.
func (s *socket) forget(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached != nil && s.cached.id == t.opts.PreviousResponseID {
		s.cached = nil
	}
}

// refuse sends an error.
func (s *socket) refuse(lane string, e *model.Error) {
	if e.Kind == model.Canceled {
		return
	}
	if err := s.send(responses.EncodeSocketError(e, lane)); err != nil {
		s.c.h.opts.Log.Debug("a socket's reader left", "err", err)
	}
}

// send writes events, each as a message of its own. A reader that takes too
// long loses the connection.
func (s *socket) send(frames []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for frame := range bytes.Lines(frames) {
		frame = bytes.TrimSuffix(frame, []byte("\n"))
		if len(frame) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), socketPatience)
		err := s.conn.Write(ctx, websocket.MessageText, frame)
		cancel()
		if err != nil {
			return clientGone(err)
		}
	}
	return nil
}
