package main

import (
	"bufio"
	"flag"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// proxyFlags are those of both bare proxies.
func proxyFlags(name string, args []string) (listen, target string, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&listen, "listen", "", "address")
	flags.StringVar(&target, "target", "", "HOST:PORT of the upstream")
	return listen, target, flags.Parse(args)
}

// serveReverseProxy is the yardstick: net/http as it comes, with pooled copy
// buffers and enough idle connections, doing nothing but passing on.
func serveReverseProxy(args []string) error {
	listen, target, err := proxyFlags("reverseproxy", args)
	if err != nil {
		return err
	}
	to := &url.URL{Scheme: "http", Host: target}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(to) },
		BufferPool: &pool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else an upstream that answers at once has the server close the
		// request's body while the transport still reads its end, which breaks
		// off one stream in twenty.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

// pool hands out copy buffers.
type pool struct{ sync.Pool }

// Get returns a buffer.
func (p *pool) Get() []byte { return *p.Pool.Get().(*[]byte) }

// Put takes it back.
func (p *pool) Put(b []byte) { p.Pool.Put(&b) }

// serveFastHTTP shows what is possible without net/http.
func serveFastHTTP(args []string) error {
	listen, target, err := proxyFlags("fasthttp", args)
	if err != nil {
		return err
	}
	client := &fasthttp.HostClient{
		Addr: target, MaxConns: 4096, StreamResponseBody: true,
		NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true,
	}
	server := &fasthttp.Server{
		NoDefaultServerHeader: true, NoDefaultDate: true, DisableHeaderNamesNormalizing: true,
		Handler: func(ctx *fasthttp.RequestCtx) { passFast(ctx, client, target) },
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

func passFast(ctx *fasthttp.RequestCtx, client *fasthttp.HostClient, target string) {
	ctx.Request.SetHost(target)
	resp := fasthttp.AcquireResponse()
	if err := client.Do(&ctx.Request, resp); err != nil {
		fasthttp.ReleaseResponse(resp)
		ctx.Error(err.Error(), fasthttp.StatusBadGateway)
		return
	}
	resp.Header.CopyTo(&ctx.Response.Header)
	if resp.Header.ContentLength() >= 0 {
		ctx.Response.SetBody(resp.Body())
		fasthttp.ReleaseResponse(resp)
		return
	}
	ctx.Response.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer fasthttp.ReleaseResponse(resp)
		buf := make([]byte, 4<<10)
		for {
			n, err := resp.BodyStream().Read(buf)
			if n > 0 {
				if _, werr := w.Write(buf[:n]); werr != nil || w.Flush() != nil {
					return // the client is gone
				}
			}
			if err != nil {
				return // the stream ended, or broke: the client sees the same
			}
		}
	})
}
