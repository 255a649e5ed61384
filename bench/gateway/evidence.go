package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// proof is what one Craton process shows of what it did besides passing on.
type proof struct {
	Subject string `json:"subject"`
	// Metered and Cost (nano-USD) are the usage records written to the store.
	Metered int64 `json:"metered_requests"`
	Errors  int64 `json:"metered_errors"`
	Tokens  int64 `json:"metered_tokens"`
	Cost    int64 `json:"cost_nano_usd"`
	// AccessLines and AccessDropped count lines of the access log.
	AccessLines   int64 `json:"access_log_lines"`
	AccessDropped int64 `json:"access_log_dropped"`
	// Series counts the samples that GET /metrics shows.
	Series int64 `json:"metric_series"`
}

// exports is what the collector received from all Craton processes.
type exports struct {
	Requests    int64 `json:"requests"`
	Exports     int64 `json:"exports"`
	ExportBytes int64 `json:"export_bytes"`
}

// prove asks each Craton process for the traces of the work it claims to have
// done: without them "everything on" would be a claim.
func (b *benchmark) prove(ctx context.Context) error {
	for _, s := range b.subjects {
		if s.proc == nil || s.skip != "" || s.name != fastLane && s.name != translating {
			continue
		}
		p := proof{Subject: s.name}
		if err := p.usage(s.addr); err != nil {
			return err
		}
		if err := p.metrics(s.addr); err != nil {
			return err
		}
		pause(ctx, 2*time.Second) // the access log is written at latest after a second
		if err := p.accessLog(s.proc.Log()); err != nil {
			return err
		}
		b.proofs = append(b.proofs, p)
	}
	resp, err := http.Get("http://" + b.upstream + "/stats")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(&b.exports)
}

func (p *proof) usage(addr string) error {
	answer, err := adminCall(http.MethodGet, "http://"+addr+"/admin/v1/usage?by=model", nil)
	if err != nil {
		return err
	}
	var rows struct {
		Data []struct {
			Requests int64 `json:"requests"`
			Errors   int64 `json:"errors"`
			Cost     int64 `json:"cost_nano_usd"`
			Tokens   struct {
				Input  int64 `json:"input"`
				Output int64 `json:"output"`
			} `json:"tokens"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &rows); err != nil {
		return err
	}
	for _, r := range rows.Data {
		p.Metered, p.Errors, p.Cost = p.Metered+r.Requests, p.Errors+r.Errors, p.Cost+r.Cost
		p.Tokens += r.Tokens.Input + r.Tokens.Output
	}
	return nil
}

func (p *proof) metrics(addr string) error {
	answer, err := adminCall(http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(answer) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		p.Series++
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if strings.HasSuffix(name, "access_log_dropped_total") {
			if _, err := fmt.Sscan(value, &p.AccessDropped); err != nil {
				return fmt.Errorf("/metrics: %s: %w", name, err)
			}
		}
	}
	return nil
}

func (p *proof) accessLog(path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer f.Close()
	for in := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := in.ReadSlice('\n')
		if bytes.Contains(line, []byte(`"duration_ms"`)) {
			p.AccessLines++
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
