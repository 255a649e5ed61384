package builtin

import (
	"context"
	"time"
	_ "time/tzdata" // small images have no zones of their own

	"github.com/craton-ai/craton/internal/tool"
)

func clockTool(now func() time.Time) entry {
	return entry{
		spec: spec("current_time", "Tells the current date and time.", `{"type":"object","properties":{"timezone":{"type":"string",`+
			`"description":"IANA time zone such as Europe/Berlin; UTC when left out."}},"additionalProperties":false}`, time.Second),
		run: func(_ context.Context, call tool.Call) (tool.Result, error) {
			in, err := arguments[struct {
				Timezone string `json:"timezone"`
			}](call)
			if err != nil {
				return tool.Result{}, err
			}
			if in.Timezone == "Local" { // the server's own is nobody's business
				in.Timezone = "local"
			}
			zone, err := time.LoadLocation(in.Timezone)
			if err != nil {
				return fail("There is no time zone %q. Use an IANA name such as Europe/Berlin.", in.Timezone), nil
			}
			t := now().In(zone)
			return structured(say("%s (%s, %s)", t.Format(time.RFC3339), t.Weekday(), zone), struct {
				Time    string `json:"time"`
				Weekday string `json:"weekday"`
				Zone    string `json:"timezone"`
				Unix    int64  `json:"unix"`
			}{t.Format(time.RFC3339), t.Weekday().String(), zone.String(), t.Unix()})
		},
	}
}
