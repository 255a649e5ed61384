package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// turnEvent is what the command line reads of a session's events.
type turnEvent struct {
	Type    string       `json:"type"`
	TurnID  string       `json:"turn_id"`
	ItemID  string       `json:"item_id"`
	Delta   string       `json:"delta"`
	Session shownSession `json:"session"`
	Turn    struct {
		Subagent *string `json:"subagent_id"`
		Error    *struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"turn"`
	Item struct {
		Role    string `json:"role"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"item"`
	// Error is why a stream ends.
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// printTurn prints a session's first turn as it comes.
func printTurn(stream io.Reader, s streams) error {
	t := turn{streams: s}
	return t.print(stream)
}

// turn prints what happens in a session until it is idle, or until it needs
// something that the command line cannot give here.
type turn struct {
	streams
	// id is the session's.
	id string
	// waits is a message that is not taken up yet: until it is, turns may end.
	waits string
	// others are turns of subagents, whose words are not the answer; nor are those
	// of items that were begun before the message was taken up.
	others, earlier map[string]bool
	// item is what was printed last.
	item string
}

func (t *turn) print(stream io.Reader) error {
	for lines := bufio.NewReader(stream); ; {
		line, err := lines.ReadString('\n')
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var e turnEvent
			if json.Unmarshal([]byte(data), &e) == nil {
				if over, err := t.told(&e); over || err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the stream of session %s ended early: `craton sessions tail %s` follows it", t.id, t.id)
		}
		if err != nil {
			return err
		}
	}
}

// told prints an event, and reports whether it was the last of interest.
func (t *turn) told(e *turnEvent) (over bool, err error) {
	switch e.Type {
	case "agent.session.created":
		t.id = e.Session.ID
	case "agent.session.turn.created":
		if e.Turn.Subagent != nil {
			if t.others == nil {
				t.others = map[string]bool{}
			}
			t.others[e.TurnID] = true
		}
	case "agent.session.turn.item.added":
		if e.Item.Role == "user" && len(e.Item.Content) > 0 && e.Item.Content[0].Text == t.waits {
			t.waits = ""
		}
	case "agent.session.turn.output_text.delta":
		t.say(e)
	case "agent.session.turn.failed":
		if e.Turn.Error != nil && t.waits == "" && !t.others[e.TurnID] {
			return true, fmt.Errorf("the turn of session %s failed: %s", t.id, harmless(e.Turn.Error.Message))
		}
	case "agent.session.idle", "agent.session.requires_action":
		if e.Type == "agent.session.idle" && t.waits != "" {
			return false, nil // what was under way before
		}
		fmt.Fprintln(t.out)
		e.Session.stands(t.streams)
		return true, nil
	case "agent.session.failed":
		why := "`craton sessions show` tells why"
		if e.Session.Error != nil {
			why = harmless(*e.Session.Error)
		}
		return true, fmt.Errorf("session %s failed for good: %s", t.id, why)
	case "error":
		if e.Error != nil {
			return true, fmt.Errorf("the stream of session %s ended: %s", t.id, harmless(e.Error.Message))
		}
	}
	return false, nil
}

// say prints what the agent says in answer, each message from a line of its own.
func (t *turn) say(e *turnEvent) {
	if t.waits != "" {
		if t.earlier == nil {
			t.earlier = map[string]bool{}
		}
		t.earlier[e.ItemID] = true
	}
	if t.others[e.TurnID] || t.earlier[e.ItemID] {
		return
	}
	if t.item != "" && t.item != e.ItemID {
		fmt.Fprintln(t.out)
	}
	t.item = e.ItemID
	fmt.Fprint(t.out, harmless(e.Delta))
}
