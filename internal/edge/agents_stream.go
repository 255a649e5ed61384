package edge

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/wire/agents"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// keepAlive is how often a quiet stream says that it is alive.
const keepAlive = 15 * time.Second

// streamEvents serves GET /v1/agents/sessions/{session_id}/events. A client
// that says what it saw last, with Last-Event-ID or starting_after, is told
// what followed; others are told what happens from now on.
func (h *Handler) streamEvents(c *call) error {
	query := c.r.URL.Query()
	after, said := c.r.Header.Get("Last-Event-ID"), "Last-Event-ID"
	if after == "" {
		after, said = query.Get("starting_after"), "starting_after"
	}
	done, err := h.watch()
	if err != nil {
		return err
	}
	defer done()
	err = c.streamSession(c.r.PathValue("session_id"), after, query.Get("include_obfuscation") != "false", false)
	if e := model.AsError(err); e != nil && e.Kind == model.Invalid && e.Subject == after {
		named := *e
		named.Subject = said
		return &named
	}
	return err
}

// watch takes a place among those who follow sessions; done gives it back.
func (h *Handler) watch() (done func(), err error) {
	select {
	case h.watchers <- struct{}{}:
		return func() { <-h.watchers }, nil
	default:
		return nil, &model.Error{Kind: model.Overloaded, RetryAfter: time.Second, Message: "As many clients follow sessions as may.",
			Hint: "Close streams that are not needed, or ask the operator for more (limits.max_concurrent)."}
	}
}

// streamSession tells the client what happens in a session: until it leaves,
// or with once until the session's first turn has ended.
func (c *call) streamSession(id, after string, obfuscate, once bool) error {
	ctx := c.r.Context()
	tail, err := c.h.opts.Sessions.Tail(ctx, c.who.Tenant.ID, id, after)
	if err != nil {
		return err
	}
	defer tail.Close()
	ear := c.listen(ctx, tail)
	defer ear.close()
	c.stream = true
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(c.w)
	if err := flush.Flush(); err != nil {
		return clientGone(err)
	}
	s := &sessionStream{c: c, tail: tail, flush: flush, obfuscate: obfuscate, once: once}
	tail.OnIdle(s.send)
	for {
		next, err := ear.next()
		if err != nil {
			return s.end(err)
		}
		if next == nil {
			s.buf = sse.AppendComment(s.buf, "")
		} else if s.buf, err = s.append(s.buf, next); err != nil {
			return s.end(err)
		}
		if s.done {
			return s.send()
		}
		if len(s.buf) >= sendAt {
			if err := s.write(); err != nil {
				return err
			}
		}
	}
}

// sendAt is how many bytes of events are held back at most, for them to go out
// together.
const sendAt = 16 << 10

// send lets what was told go out: at once, and together.
func (s *sessionStream) send() error {
	if err := s.write(); err != nil || !s.written {
		return err
	}
	s.written = false
	if err := s.flush.Flush(); err != nil {
		return clientGone(err)
	}
	return nil
}

func (s *sessionStream) write() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.c.w.Write(s.buf)
	if s.buf, s.written = s.buf[:0], true; cap(s.buf) > 2*sendAt {
		s.buf = nil // streams that wait are many
	}
	if err != nil {
		return clientGone(err)
	}
	return nil
}

// sessionStream writes a session's events.
type sessionStream struct {
	c         *call
	tail      *driver.Tail
	obfuscate bool
	// once ends the stream when the session is idle again, or failed.
	once, begun, done bool
	// buf are events that were not written yet; written says that some were which
	// were not sent.
	buf     []byte
	written bool
	flush   *http.ResponseController
	raw     []byte // one event
	// settings are what follows from the session's settings alone, as of a
	// revision of them.
	settings shownSettings
	revision uint64
}

// shownSettings are what a session's settings come to in the contract's form:
// what each of its events would be at pains to say again.
type shownSettings struct {
	contract sessionContract
	agent    jsontext.Value
}

// listener follows a session for a client, until it leaves or the server stops.
type listener struct {
	tail            *driver.Tail
	client, closing context.Context
	// both ends with either.
	both  context.Context
	close func()
	told  driver.Told
}

// listen makes a listener of a tail, to be closed before it.
func (c *call) listen(ctx context.Context, tail *driver.Tail) *listener {
	tail.Within(keepAlive)
	both, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.h.closing, cancel)
	return &listener{tail: tail, client: ctx, closing: c.h.closing, both: both, close: func() {
		stop()
		cancel()
	}}
}

// next waits for the next thing to tell, which is the listener's until it is
// called again; nil means that a sign of life is due.
// A server that stops answers errClosing, a client that left the error of
// [clientGone].
func (l *listener) next() (*driver.Told, error) {
	var err error
	l.told, err = l.tail.Next(l.both)
	switch {
	case err == nil:
		return &l.told, nil
	case errors.Is(err, driver.ErrQuiet):
		return nil, nil
	case l.client.Err() != nil:
		return nil, clientGone(l.client.Err())
	case l.closing.Err() != nil:
		return nil, errClosing
	}
	return nil, err
}

// errClosing ends streams of a server that stops: clients resume elsewhere.
var errClosing = errors.New("edge: the server stops")

// end says why the stream ends, if that is the session's doing.
func (s *sessionStream) end(err error) error {
	if errors.Is(err, errClosing) {
		_ = s.write() // what was told counts as told; the client may be gone too
		return nil
	}
	if model.AsError(err).Kind == model.Canceled {
		return err
	}
	e := model.AsError(err)
	event := agents.ErrorEvent{EventHead: s.head(agents.EventError, "error-"+s.c.id), SessionID: s.c.r.PathValue("session_id"),
		Error: agents.StreamError{Type: "internal_error", Message: e.Public()}}
	if errors.Is(err, session.ErrNotFound) {
		event.Error.Type = "not_found_error"
	}
	if raw, encoded := json.Marshal(event); encoded == nil {
		s.buf = sse.AppendEvent(s.buf, agents.EventError, "", raw)
		_ = s.send() // the reader may be gone too
	}
	return err
}

func (s *sessionStream) head(kind, id string) agents.EventHead {
	head := agents.EventHead{Type: kind, EventID: id}
	if s.obfuscate {
		head.Obfuscation = padding()
	}
	return head
}

const padWith = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// padding is noise of a length that tells nothing.
func padding() string {
	var b strings.Builder
	for range 1 + rand.IntN(16) {
		b.WriteByte(padWith[rand.IntN(len(padWith))])
	}
	return b.String()
}

// append writes what is told as an event; nothing where the contract has none.
func (s *sessionStream) append(dst []byte, told *driver.Told) ([]byte, error) {
	kind, event := s.event(told)
	if event == nil {
		return dst, nil
	}
	if one, ok := event.(interface{ AppendJSON(dst []byte) []byte }); ok {
		s.raw = one.AppendJSON(s.raw[:0])
		dst = sse.AppendEvent(dst, kind, told.ID, s.raw)
		if cap(s.raw) > sendAt {
			s.raw = nil
		}
		return dst, nil
	}
	raw, err := json.Marshal(event)
	if err != nil {
		return dst, model.Wrap(model.Internal, "edge.stream", err)
	}
	return sse.AppendEvent(dst, kind, told.ID, raw), nil
}

// event is what is told in the contract's form.
func (s *sessionStream) event(told *driver.Told) (string, any) {
	switch told.Kind {
	case agent.SignalCreated:
		return agents.EventSessionCreated, s.session(agents.EventSessionCreated, told)
	case agent.SignalStatus:
		return s.status(told)
	case agent.SignalTurnCreated, agent.SignalTurnInProgress, agent.SignalTurnEnded:
		return s.turn(told)
	case agent.SignalItemAdded, agent.SignalItemDone:
		return s.item(told)
	case agent.SignalSubagentCreated:
		return s.subagent(agents.EventSubagentCreated, told)
	case agent.SignalSubagentActive:
		return s.subagent(agents.EventSubagentActive, told)
	case agent.SignalSubagentClosed:
		return s.subagent(agents.EventSubagentClosed, told)
	case agent.SignalPartAdded, agent.SignalPartDone, agent.SignalDelta, agent.SignalTextDone:
		return s.part(told)
	}
	return "", nil
}

func (s *sessionStream) status(told *driver.Told) (string, any) {
	status := told.State.Status()
	kind := agents.EventSessionPrefix + string(status)
	switch status {
	case agent.InProgress, agent.RequiresAction:
		s.begun = true
	default:
		s.done = s.once && s.begun
	}
	return kind, s.session(kind, told)
}

// session tells of the session as it is.
func (s *sessionStream) session(kind string, told *driver.Told) agents.SessionEvent {
	known := s.known(told.State)
	return agents.SessionEvent{EventHead: s.head(kind, told.ID), Session: shownStanding(told.State, known.contract), Agent: known.agent}
}

// known reads the session's settings where they have changed.
func (s *sessionStream) known(state *agent.State) shownSettings {
	if s.settings.agent != nil && s.revision == state.Revision() {
		return s.settings
	}
	now := shownSettings{contract: readContract(state)}
	raw, err := json.Marshal(sessionAgent(&state.Settings.Definition))
	if err != nil {
		raw = []byte("null") // the definition came as JSON: it never is
	}
	now.agent = raw
	if len(raw) <= sendAt {
		s.settings, s.revision = now, state.Revision()
	}
	return now
}

func (s *sessionStream) turn(told *driver.Told) (string, any) {
	event := agents.TurnEvent{SessionID: told.State.Session, TurnID: told.Turn, Turn: shownTurn(told.State, told.Thread, told.At)}
	switch told.Kind {
	case agent.SignalTurnCreated:
		event.Turn.Status = string(agent.TurnQueued)
		event.Turn.StartedAt = nil
		event.EventHead = s.head(agents.EventTurnCreated, told.ID)
		return agents.EventTurnCreated, event
	case agent.SignalTurnInProgress:
		event.EventHead = s.head(agents.EventTurnInProgress, told.ID)
		return agents.EventTurnInProgress, event
	}
	kind := agents.EventTurnPrefix + string(told.At.Status)
	event.EventHead = s.head(kind, told.ID)
	return kind, agents.TurnEndEvent{TurnEvent: event, Usage: event.Turn.Usage}
}

func (s *sessionStream) item(told *driver.Told) (string, any) {
	// A call that is still being written cannot be answered: it is told once the
	// journal has it.
	if told.Item.Type == agent.ItemFunctionCall && told.Item.Status == agent.ItemInProgress {
		return "", nil
	}
	item := shownItem(told.State, told.Item)
	if item == nil {
		return "", nil
	}
	kind := agents.EventItemAdded
	if told.Kind == agent.SignalItemDone {
		kind = agents.EventItemDone
	}
	event := agents.ItemEvent{EventHead: s.head(kind, told.ID), SessionID: told.State.Session, TurnID: told.Turn, Item: item}
	if told.Item.Index >= 0 {
		event.OutputIndex = &told.Item.Index
	}
	return kind, event
}

func (s *sessionStream) subagent(kind string, told *driver.Told) (string, any) {
	return kind, agents.SubagentEvent{EventHead: s.head(kind, told.ID), Subagent: shownSubagent(told.State, told.Agent)}
}

// part is what happens to a part of a message or of a summary.
func (s *sessionStream) part(told *driver.Told) (string, any) {
	place := agents.PlaceHead{SessionID: told.State.Session, TurnID: told.Turn, ItemID: told.Item.ID, OutputIndex: told.Item.Index}
	at := func(kind string) (string, agents.PlaceHead) {
		place.EventHead = s.head(kind, told.ID)
		return kind, place
	}
	if told.Item.Type == agent.ItemReasoning {
		return s.summary(told, at)
	}
	switch told.Kind {
	case agent.SignalPartAdded:
		kind, head := at(agents.EventPartAdded)
		return kind, agents.PartEvent{PlaceHead: head, ContentIndex: told.Content, Part: agents.OutputText{Type: "output_text"}}
	case agent.SignalPartDone:
		kind, head := at(agents.EventPartDone)
		return kind, agents.PartEvent{PlaceHead: head, ContentIndex: told.Content, Part: agents.OutputText{Type: "output_text", Text: told.Text}}
	case agent.SignalDelta:
		kind, head := at(agents.EventTextDelta)
		return kind, agents.TextDeltaEvent{PlaceHead: head, ContentIndex: told.Content, Delta: told.Text}
	}
	kind, head := at(agents.EventTextDone)
	return kind, agents.TextDoneEvent{PlaceHead: head, ContentIndex: told.Content, Text: told.Text}
}

func (s *sessionStream) summary(told *driver.Told, at func(string) (string, agents.PlaceHead)) (string, any) {
	switch told.Kind {
	case agent.SignalPartAdded:
		kind, head := at(agents.EventSummaryPartAdded)
		return kind, agents.SummaryPartEvent{PlaceHead: head, SummaryIndex: told.Content, Part: agents.SummaryText{Type: "summary_text"}}
	case agent.SignalPartDone:
		kind, head := at(agents.EventSummaryPartDone)
		return kind, agents.SummaryPartDoneEvent{SummaryPartEvent: agents.SummaryPartEvent{PlaceHead: head, SummaryIndex: told.Content,
			Part: agents.SummaryText{Type: "summary_text", Text: told.Text}}}
	case agent.SignalDelta:
		kind, head := at(agents.EventSummaryTextDelta)
		return kind, agents.SummaryDeltaEvent{PlaceHead: head, SummaryIndex: told.Content, Delta: told.Text}
	}
	kind, head := at(agents.EventSummaryTextDone)
	return kind, agents.SummaryTextEvent{PlaceHead: head, SummaryIndex: told.Content, Text: told.Text}
}
