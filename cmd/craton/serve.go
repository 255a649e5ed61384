package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/identity"
)

// serveCommand runs the server. Flags win over the configuration file.
type serveCommand struct {
	Listen        string `help:"Address, HOST:PORT." placeholder:"127.0.0.1:8420" env:"CRATON_LISTEN"`
	Data          string `help:"Data directory." env:"CRATON_DATA"`
	Config        string `help:"Configuration file." type:"path" env:"CRATON_CONFIG"`
	TLSCert       string `help:"Certificate file." name:"tls-cert" type:"path" env:"CRATON_TLS_CERT"`
	TLSKey        string `help:"Certificate's key file." name:"tls-key" type:"path" env:"CRATON_TLS_KEY"`
	TLSSelfSigned bool   `help:"Serve TLS with a certificate of our own." name:"tls-self-signed" env:"CRATON_TLS_SELF_SIGNED"`
	Plaintext     bool   `help:"Serve beyond loopback without TLS, behind a proxy that has it." env:"CRATON_PLAINTEXT"`
	Discover      bool   `help:"Use local model servers and well-known keys of the environment." env:"CRATON_DISCOVER"`
	Postgres      string `help:"Name of the environment variable that holds a PostgreSQL URL." env:"CRATON_POSTGRES" placeholder:"VARIABLE"`
	LogLevel      string `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"CRATON_LOG_LEVEL"`
}

// load reads the configuration and lays the flags over it.
func (c serveCommand) load(s streams) (*config.Config, error) {
	cfg, err := config.Load(c.Config, s.getenv, func(cfg *config.Config) {
		overlay(&cfg.Listen, c.Listen)
		overlay(&cfg.Data, c.Data)
		overlay(&cfg.TLS.Cert, c.TLSCert)
		overlay(&cfg.TLS.Key, c.TLSKey)
		overlay(&cfg.Store.Postgres.Env, c.Postgres)
		cfg.TLS.SelfSigned = cfg.TLS.SelfSigned || c.TLSSelfSigned
		cfg.Plaintext = cfg.Plaintext || c.Plaintext
		cfg.Discover = cfg.Discover || c.Discover
	})
	if err != nil {
		return nil, err
	}
	// Without a configuration file a server on loopback is somebody's laptop.
	cfg.Discover = cfg.Discover || c.Config == "" && cfg.Loopback()
	return cfg, nil
}

func overlay(field *string, flag string) {
	if flag != "" {
		*field = flag
	}
}

// Run serves until ctx ends, then drains.
func (c serveCommand) Run(ctx context.Context, s streams) error {
	tuneCollector(s.getenv)
	cfg, err := c.load(s)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: level}))
	// What can fail comes before the first administrator's key is made: a start
	// that fails later would have made it and never shown it.
	listener, err := listen(cfg.Listen)
	if err != nil {
		return err
	}
	defer listener.Close() // the server closes it too; a second time does nothing
	st, err := openState(ctx, cfg, s)
	if err != nil {
		return inUse(err, cfg.Data)
	}
	svc, err := newService(ctx, cfg, st, s, log, uuid.NewString())
	if err != nil {
		st.close(context.WithoutCancel(ctx), log)
		return err
	}
	err = c.serve(ctx, svc, listener, s)
	svc.close(context.WithoutCancel(ctx))
	return err
}

// listen opens the address, or says what about it is wrong.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another program does (a running `craton serve`?): stop it, or take another address with --listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("cannot listen on %s: this machine has no such address; 0.0.0.0 means all it has", address)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: the system reserves that port; take one from 1024 up with --listen", address)
	}
	return nil, fmt.Errorf("cannot listen on %s: %w (--listen takes HOST:PORT)", address, err)
}

// serve serves the listener, prints the welcome, and drains at the end.
func (c serveCommand) serve(ctx context.Context, svc *service, listener net.Listener, s streams) error {
	cfg, log := svc.cfg, svc.log
	server := &http.Server{
		Handler: svc.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: cfg.Limits.MaxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Protocols: new(http.Protocols), BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	// Amazon's JavaScript SDK opens cleartext HTTP/2 with prior knowledge.
	server.Protocols.SetUnencryptedHTTP2(true)
	if cfg.TLS.On() {
		var err error
		if server.TLSConfig, err = tlsConfig(cfg, time.Now); err != nil {
			return err
		}
	}
	first, err := svc.state.directory.Bootstrap(ctx, identity.Preset{
		APIKey: s.getenv("CRATON_API_KEY"), AccessKeyID: s.getenv("CRATON_ACCESS_KEY_ID"), SecretAccessKey: s.getenv("CRATON_SECRET_ACCESS_KEY"),
	})
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	notifyReload(reload)
	defer signal.Stop(reload)
	done := make(chan error, 1)
	go func() {
		if cfg.TLS.On() {
			done <- server.ServeTLS(listener, "", "")
		} else {
			done <- server.Serve(listener)
		}
	}()
	base := svc.base(listener.Addr())
	withdraw, err := announce(cfg.Data, base)
	if err != nil {
		log.Warn("where this server is was not noted in the data directory", "err", err)
	}
	defer withdraw()
	svc.welcome(s.out, base, first)
	for {
		select {
		case err := <-done:
			return err
		case <-reload:
			svc.reload(ctx, c, s)
		case <-ctx.Done():
			svc.draining.Store(true)
			log.Info("stopping: requests under way are finished first; a second signal cuts them", "most", config.DefaultDrain.String())
			svc.handler.Close()
			svc.handOver()
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), config.DefaultDrain)
			defer cancel()
			if err := server.Shutdown(drain); err != nil {
				log.Warn("requests were still under way and were cut", "err", err)
				err := server.Close()
				awaitNone(svc.handler.InFlight, cutPatience)
				return err
			}
			return nil
		}
	}
}

// cutPatience is how long requests that were cut may take to end. What they
// used is recorded then, before the store closes.
const cutPatience = 5 * time.Second

// awaitNone waits until nothing is under way, but not for longer than most.
func awaitNone(underWay func() int64, most time.Duration) {
	end := time.After(most)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for underWay() > 0 {
		select {
		case <-look.C:
		case <-end:
			return
		}
	}
}

// stopSignals end the server gently.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
