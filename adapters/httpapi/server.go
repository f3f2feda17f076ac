// Package httpapi serves the operators' HTTP endpoints: metrics, health and readiness.
//
// /healthz answers 200 as long as the process runs: a restart would not help. /readyz answers 503 with the reason when
// the broker cannot serve clients fully, /readyz/reading when it cannot serve consumers. What they mean is decided by
// the functions in Settings.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Settings say what is served where.
type Settings struct {
	Listen  string // host:port; port 0 is a free port
	Yields  bool   // take a free port of the host when that one is taken
	Metrics http.Handler
	Ready   func() error // nil when the broker can serve clients fully; otherwise what is missing
	Reading func() error // nil when the broker can serve consumers; otherwise what is missing
}

// Server answers over HTTP.
type Server struct {
	listen string
	yields bool
	server *http.Server
	ln     net.Listener
}

// New returns a server that does not listen yet.
func New(s Settings) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", readiness(s.Ready))
	mux.HandleFunc("GET /readyz/reading", readiness(s.Reading))
	return &Server{listen: s.Listen, yields: s.Yields, server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}
}

// readiness answers 200, or 503 and what is missing.
func readiness(missing func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := missing(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, "ok")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // an error here is the client's
}

// Listen binds the address.
func (s *Server) Listen(ctx context.Context) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", s.listen)
	if host, _, split := net.SplitHostPort(s.listen); s.yields && split == nil && errors.Is(err, syscall.EADDRINUSE) {
		ln, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fmt.Errorf("listen for http on %s: %w", s.listen, err)
	}
	s.ln = ln
	return nil
}

// Addr returns the address that Listen has bound.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// CloseTime is how long requests under way may take when the server stops.
const CloseTime = time.Second

// Run serves until ctx ends; then requests under way have CloseTime. Listen must have been called.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(s.ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseTime)
	defer cancel()
	err := s.server.Shutdown(last)
	if err != nil {
		err = s.server.Close() // what is still open is cut off
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Close releases the address when Run was never called.
func (s *Server) Close() error {
	if s.ln == nil {
		return nil
	}
	return s.ln.Close()
}
