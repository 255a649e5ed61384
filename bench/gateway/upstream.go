package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// upstream is the mock model server. It also takes the traces Craton exports,
// so that exporting them costs what it costs.
type upstream struct {
	// chunks and pace (nanoseconds) shape streamed answers.
	chunks, pace atomic.Int64
	requests     atomic.Int64
	exports      atomic.Int64
	exported     atomic.Int64

	whole, role, token, end, usage []byte
}

func serveUpstream(args []string) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	listen := flags.String("listen", "", "address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	u := &upstream{
		whole: answer(),
		role:  event(map[string]any{"role": "assistant", "content": ""}, nil, nil),
		token: event(map[string]any{"content": string(mark) + "word "}, nil, nil),
		end:   event(map[string]any{}, "stop", nil),
		usage: event(nil, nil, usage()),
	}
	u.chunks.Store(10)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &fasthttp.Server{Handler: u.serve, NoDefaultServerHeader: true, StreamRequestBody: false, MaxRequestBodySize: 64 << 20}
	return server.Serve(listener)
}

func (u *upstream) serve(ctx *fasthttp.RequestCtx) {
	switch path := string(ctx.Path()); path {
	case "/v1/chat/completions":
		u.requests.Add(1)
		body := ctx.PostBody()
		if bytes.Contains(body, []byte(`"stream":true`)) || bytes.Contains(body, []byte(`"stream": true`)) {
			u.stream(ctx, bytes.Contains(body, []byte("include_usage")))
			return
		}
		ctx.SetContentType("application/json")
		ctx.Response.Header.Set("X-Request-Id", "req_0123456789abcdef")
		ctx.SetBody(u.whole)
	case "/v1/models":
		ctx.SetContentType("application/json")
		ctx.SetBodyString(`{"object":"list","data":[{"id":"` + modelName + `","object":"model","created":1767225600,"owned_by":"bench"}]}`)
	case "/v1/traces", "/v1/metrics", "/v1/logs":
		u.exports.Add(1)
		u.exported.Add(int64(len(ctx.PostBody())))
		ctx.SetContentType("application/x-protobuf")
	case "/control":
		u.chunks.Store(int64(ctx.QueryArgs().GetUintOrZero("chunks")))
		u.pace.Store(int64(ctx.QueryArgs().GetUintOrZero("pace_us")) * 1000)
	case "/stats":
		fmt.Fprintf(ctx, `{"requests":%d,"exports":%d,"export_bytes":%d}`, u.requests.Load(), u.exports.Load(), u.exported.Load())
	default:
		ctx.Error("nothing at "+path, fasthttp.StatusNotFound)
	}
}

// stream sends the role and the first token at once, then a token per pace.
func (u *upstream) stream(ctx *fasthttp.RequestCtx, use bool) {
	chunks, pace := int(u.chunks.Load()), time.Duration(u.pace.Load())
	ctx.SetContentType("text/event-stream; charset=utf-8")
	ctx.Response.Header.Set("Cache-Control", "no-cache")
	ctx.Response.Header.Set("X-Request-Id", "req_"+strconv.Itoa(chunks))
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		_, _ = w.Write(u.role)
		for i := range chunks {
			if i > 0 && pace > 0 {
				time.Sleep(pace)
			}
			_, _ = w.Write(u.token)
			if w.Flush() != nil {
				return // the client is gone
			}
		}
		_, _ = w.Write(u.end)
		if use {
			_, _ = w.Write(u.usage)
		}
		_, _ = w.WriteString("data: [DONE]\n\n")
	})
}
