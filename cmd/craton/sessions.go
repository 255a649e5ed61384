package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
)

// sessionsCommand looks at and steers agent sessions.
type sessionsCommand struct {
	List    sessionsList    `cmd:"" help:"List sessions, newest first."`
	Show    sessionsShow    `cmd:"" help:"Print a session's journal as a timeline."`
	Send    sessionsSend    `cmd:"" help:"Speak to a session, and print what its agent says."`
	Tail    sessionsTail    `cmd:"" help:"Follow what a session does."`
	Approve sessionsApprove `cmd:"" help:"Let an agent make the call it asks about."`
	Deny    sessionsDeny    `cmd:"" help:"Refuse the call an agent asks about."`
	Cancel  sessionsCancel  `cmd:"" help:"End what a session is doing."`
	Fork    sessionsFork    `cmd:"" help:"Continue from any point of a session's past, in a new one."`
	Export  sessionsExport  `cmd:"" help:"Write a session's journal as JSON lines."`
	Replay  sessionsReplay  `cmd:"" help:"Fold a session's journal anew and prove that the state is the same."`
	Requeue sessionsRequeue `cmd:"" help:"Let a session that was set aside run again."`
}

// sessionRow is a session as the admin API shows it.
type sessionRow struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"`
	Agent       string `json:"agent"`
	Model       string `json:"model"`
	Status      string `json:"status"`
	Events      uint64 `json:"events"`
	CreatedAt   string `json:"created_at"`
	UpdatedAt   string `json:"updated_at"`
	CostNanoUSD int64  `json:"cost_nano_usd"`
	CostUnknown bool   `json:"cost_unknown"`
	Tokens      int64  `json:"tokens"`
	Parent      string `json:"parent"`
	ParentSeq   uint64 `json:"parent_seq"`
	Node        string `json:"node"`
	Quarantine  string `json:"quarantine"`
}

// cost is what the session cost, as far as it is known.
func (r sessionRow) cost() string {
	cost := fmt.Sprintf("%.6f", float64(r.CostNanoUSD)/1e9)
	switch {
	case r.CostUnknown && r.CostNanoUSD == 0:
		return "?"
	case r.CostUnknown:
		return cost + " + ?"
	}
	return cost
}

type sessionsList struct {
	remote
	Status string `help:"Only those that are idle, in_progress, requires_action or failed."`
	Agent  string `help:"Only those of one agent."`
	Limit  int    `help:"How many." default:"50"`
}

// Run prints a table of sessions.
func (c sessionsList) Run(ctx context.Context, s streams) error {
	query := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	if c.Status != "" {
		query.Set("status", c.Status)
	}
	if c.Agent != "" {
		query.Set("agent", c.Agent)
	}
	var rows struct {
		Data []sessionRow `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/sessions?"+query.Encode(), nil, &rows); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tKIND\tSTATUS\tMODEL\tEVENTS\tTOKENS\tCOST USD\tUPDATED")
	for _, r := range rows.Data {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", r.ID, r.Kind, r.Status, clip(r.Model), r.Events, r.Tokens, r.cost(), r.UpdatedAt)
	}
	return w.Flush()
}

// kindChain is the kind of a session that holds stored responses and that
// nothing runs.
const kindChain = "chain"

// session finds a session by its id, or by that of a response that it made or
// holds.
func (s remote) session(ctx context.Context, id string) (row sessionRow, err error) {
	return row, s.call(ctx, http.MethodGet, "/admin/v1/sessions/"+url.PathEscape(id), nil, &row)
}

// journalEvent is an event as the admin API shows it.
type journalEvent struct {
	Seq     uint64          `json:"seq"`
	At      string          `json:"at"`
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Label   string          `json:"label,omitempty"`
	Hash    string          `json:"hash"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Erased  bool            `json:"erased,omitempty"`
}

// journal reads a session's own events in order.
func (s remote) journal(ctx context.Context, id string, each func(journalEvent) error) error {
	for after := uint64(0); ; {
		var page struct {
			Data []journalEvent `json:"data"`
		}
		path := fmt.Sprintf("/admin/v1/sessions/%s/journal?after=%d", url.PathEscape(id), after)
		if err := s.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		if len(page.Data) == 0 {
			return nil
		}
		for _, e := range page.Data {
			if err := each(e); err != nil {
				return err
			}
			after = e.Seq
		}
	}
}

type sessionsShow struct {
	remote
	Session string `arg:"" help:"The session's id, or a response's."`
	Full    bool   `help:"Print the content of events whole: what was said, and the arguments of calls."`
}

// Run prints the journal as a timeline.
func (c sessionsShow) Run(ctx context.Context, s streams) error {
	row, err := c.session(ctx, c.Session)
	if err != nil {
		return err
	}
	verb := "makes"
	if row.Kind == kindChain {
		verb = "holds"
		fmt.Fprintf(s.out, "%s  a chain of stored responses  %d events\n", row.ID, row.Events)
	} else {
		fmt.Fprintf(s.out, "%s  %s  %s  %d events  %d tokens  %s USD\n", row.ID, row.Status, clip(row.Model), row.Events, row.Tokens, row.cost())
	}
	if row.ID != c.Session {
		fmt.Fprintln(s.out, verb, c.Session)
	}
	if row.Parent != "" {
		fmt.Fprintf(s.out, "continues %s@%d\n", row.Parent, row.ParentSeq)
	}
	if row.Quarantine != "" {
		fmt.Fprintf(s.out, "set aside: %s\n", harmless(row.Quarantine))
	}
	most := maxSubject
	if c.Full {
		most = math.MaxInt
	}
	return c.journal(ctx, row.ID, func(e journalEvent) error {
		_, err := fmt.Fprintln(s.out, timeline(e, most))
		return err
	})
}

type sessionsExport struct {
	remote
	Session string `arg:"" help:"The session's id, or a response's."`
}

// Run writes the journal, an event a line.
func (c sessionsExport) Run(ctx context.Context, s streams) error {
	encoder := json.NewEncoder(s.out)
	return c.journal(ctx, c.Session, func(e journalEvent) error { return encoder.Encode(e) })
}

type sessionsTail struct {
	remote
	Session string `arg:"" help:"The session's id, or a response's."`
	From    string `help:"Begin after this event id; 0 begins with the session." placeholder:"ID"`
}

// Run prints the session's events as they come, until interrupted.
func (c sessionsTail) Run(ctx context.Context, s streams) error {
	if strings.HasPrefix(c.Session, "resp_") {
		row, err := c.session(ctx, c.Session)
		if err != nil {
			return err
		}
		if row.Kind == kindChain {
			return fmt.Errorf("the response is complete: `craton sessions show %s` prints the chain that holds it", row.ID)
		}
		c.Session = row.ID
	}
	req, err := c.request(ctx, http.MethodGet, "/v1/agents/sessions/"+url.PathEscape(c.Session)+"/events?include_obfuscation=false", nil)
	if err != nil {
		return err
	}
	req.Header.Set("OpenAI-Beta", "agents=v1")
	if c.From != "" {
		req.Header.Set("Last-Event-ID", c.From)
	}
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	last, err := printEvents(resp.Body, s.out)
	switch {
	case ctx.Err() != nil:
		return nil
	case last == "":
		return fmt.Errorf("the server ended the stream (%w) before its first event", err)
	}
	return fmt.Errorf("the server ended the stream (%w): `craton sessions tail %s --from %s` goes on after the last event", err, c.Session, last)
}

// printEvents prints the data of each event as it comes, and returns the last
// event's id and why the stream ended.
func printEvents(stream io.Reader, out io.Writer) (last string, err error) {
	for lines := bufio.NewReader(stream); ; {
		line, err := lines.ReadString('\n')
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			last = strings.TrimSpace(id)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			fmt.Fprint(out, data)
		}
		if err != nil {
			return last, err
		}
	}
}

type sessionsCancel struct {
	remote
	Session string `arg:"" help:"The session's id."`
}

// Run asks for the end of the turn under way. The request is on disk when this
// returns; whoever works on the session ends it a moment later.
func (c sessionsCancel) Run(ctx context.Context, s streams) error {
	return c.steer(ctx, s, c.Session, "cancel")
}

type sessionsRequeue struct {
	remote
	Session string `arg:"" help:"The session's id."`
}

// Run lets the session run again.
func (c sessionsRequeue) Run(ctx context.Context, s streams) error {
	return c.steer(ctx, s, c.Session, "requeue")
}

func (s remote) steer(ctx context.Context, out streams, id, what string) error {
	var row sessionRow
	if err := s.call(ctx, http.MethodPost, "/admin/v1/sessions/"+url.PathEscape(id)+"/"+what, nil, &row); err != nil {
		return err
	}
	state := "is " + row.Status
	if what == "cancel" && row.Status == "in_progress" {
		state = "is ending what it does"
	}
	_, err := fmt.Fprintf(out.out, "%s %s\n", row.ID, state)
	return err
}

type sessionsFork struct {
	remote
	Session string `arg:"" help:"The session, or SESSION@SEQ for the point after one of its events."`
}

// Run begins the fork and prints its id.
func (c sessionsFork) Run(ctx context.Context, s streams) error {
	id, at, found := strings.Cut(c.Session, "@")
	var seq uint64
	if found {
		var err error
		if seq, err = strconv.ParseUint(at, 10, 63); err != nil || seq == 0 {
			return fmt.Errorf("%q does not name an event: write SESSION@SEQ, with a number that `craton sessions show` prints", c.Session)
		}
	}
	var row sessionRow
	body := map[string]any{"seq": seq}
	if err := c.call(ctx, http.MethodPost, "/admin/v1/sessions/"+url.PathEscape(id)+"/fork", body, &row); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, row.ID)
	return err
}

type sessionsReplay struct {
	remote
	Session string `arg:"" help:"The session's id, or a response's."`
}

// Run folds the journal anew on the server.
func (c sessionsReplay) Run(ctx context.Context, s streams) error {
	var answer struct {
		Events int `json:"events"`
	}
	if err := c.call(ctx, http.MethodPost, "/admin/v1/sessions/"+url.PathEscape(c.Session)+"/replay", nil, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%d events fold to the same state\n", answer.Events)
	return err
}
