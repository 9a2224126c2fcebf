package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRetrieveFollowsRedirectsAndSendsThePassword(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/old", http.RedirectHandler("/new?a=b", http.StatusFound))
	mux.HandleFunc("/new", func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", name, password, r.URL.RawQuery)
	})
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()

	at := parsed(t, server.URL+"/old")
	at.User = url.UserPassword("ann", "secret")
	a, err := retrieve(t.Context(), at)
	if err != nil || a.code != http.StatusTeapot || a.status != "418 I'm a teapot" || string(a.body) != "ann secret a=b" {
		t.Errorf("%v %q %q: %v", a.code, a.status, a.body, err)
	}
	if _, err := retrieve(t.Context(), parsed(t, server.URL+"/round")); err == nil || !strings.Contains(err.Error(), "10 redirects") {
		t.Errorf("a server that only redirects: %v", err)
	}
}

func TestRetrieveChecksCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	if _, err := retrieve(t.Context(), parsed(t, server.URL)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that no authority signed: %v", err)
	}
}

func TestRetrieveEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		if conn, err := silent.Accept(); err == nil {
			io.Copy(io.Discard, conn) // ends when retrieve closes the connection
			conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = retrieve(ctx, parsed(t, "http://"+silent.Addr().String()))
	if err != context.DeadlineExceeded || isAnswered(err) {
		t.Errorf("a server that says nothing: %v", err)
	}
}
