package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// answer is the response of a web server.
type answer struct {
	code   int
	status string // code and text
	body   []byte
}

const (
	maxAnswer    = 16 << 20 // some kilobytes for each of the 4096 nodes of a survey
	maxRedirects = 10       // as in http.Client
)

// retrieve sends one GET request, and follows redirections. The client of package net/http
// would also bring pools of connections, HTTP/2 and proxies: a tenth of the size of the
// command, for one request to a node.
func retrieve(ctx context.Context, at *url.URL) (answer, error) {
	for range maxRedirects {
		a, next, err := retrieveOnce(ctx, at)
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil || next == nil {
			return a, err
		}
		at = next
	}
	return answer{}, fmt.Errorf("stopped after %d redirects", maxRedirects)
}

// retrieveOnce sends one request. If the server redirects to another URL, retrieveOnce
// returns it as next.
func retrieveOnce(ctx context.Context, at *url.URL) (a answer, next *url.URL, err error) {
	conn, err := connect(ctx, at)
	if err != nil {
		return answer{}, nil, err
	}
	defer conn.Close() // the answer has been read, or is not needed
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, request(at)); err != nil {
		return answer{}, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodGet, URL: at})
	if err != nil {
		return answer{}, nil, err
	}
	defer response.Body.Close()
	if next, err := response.Location(); err == nil && response.StatusCode/100 == 3 {
		return answer{}, next, nil
	}
	a = answer{code: response.StatusCode, status: response.Status}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return a, nil, err
}

// request returns the request for the URL, which net/url has checked. The connection
// ends after it.
func request(at *url.URL) string {
	text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: smoke\r\nConnection: close\r\n", at.RequestURI(), at.Host)
	if password, ok := at.User.Password(); ok {
		text += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(at.User.Username()+":"+password)) + "\r\n"
	}
	return text + "\r\n"
}

// connect opens a connection to the host of the URL. https is over TLS.
func connect(ctx context.Context, at *url.URL) (net.Conn, error) {
	port := at.Port()
	switch {
	case at.Scheme != "http" && at.Scheme != "https":
		return nil, fmt.Errorf("unsupported protocol scheme %q", at.Scheme)
	case port == "" && at.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	address := net.JoinHostPort(at.Hostname(), port)
	if at.Scheme == "https" {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}
