package core

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what a probe reads of an answer.
const maxBody = 64 << 10

// Request is an HTTP probe of a service. It is never sent anywhere else: a
// redirect is an answer, not an order.
type Request struct {
	Address
	Method  string // empty means GET
	Path    string
	Host    string // Host header; empty means the service's role
	Headers map[string]string
	Body    string
}

// Response is what a service answered, its body cut at 64 KiB.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Took   time.Duration
}

// Send sends one HTTP request to a service of the instance. An error means that
// no HTTP answer came; see [Inspector.Dial] for what it tells. It does not quote
// the path, which may hold a key.
func Send(ctx context.Context, in Inspector, r Request) (Response, error) {
	start := time.Now()
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return in.Dial(ctx, r.Address) },
		DisableKeepAlives: true,
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	host := r.Host
	if host == "" {
		host = string(r.Service) + ":" + strconv.Itoa(r.Port)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+host+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Response{}, Errorf(Invalid, "probe of %s: %q is not a path", r.Service, r.Path)
	}
	for k, v := range r.Headers {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return Response{Status: resp.StatusCode, Header: resp.Header, Took: time.Since(start)}, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return Response{}, err
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Took: time.Since(start)}, nil
}
