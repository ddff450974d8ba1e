package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// curlOptions are curl's flags, bundled or not.
type curlOptions struct {
	silent, showError, fail, follow, head bool
	method, out, target                   string
	max                                   time.Duration
	header                                http.Header
}

func parseCurl(args []string) curlOptions {
	o := curlOptions{header: http.Header{}, max: 2 * time.Minute}
	long := map[string]string{"--silent": "-s", "--show-error": "-S", "--fail": "-f", "--location": "-L", "--head": "-I",
		"--output": "-o", "--header": "-H", "--request": "-X", "--max-time": "-m"}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if s, ok := long[a]; ok {
			a = s
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			o.target = withScheme(a)
			continue
		}
		if strings.HasPrefix(a, "--") {
			continue
		}
		for j := 1; j < len(a); j++ {
			if !strings.ContainsRune("oHXm", rune(a[j])) {
				o.toggle(a[j])
				continue
			}
			value := a[j+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			o.set(a[j], value)
			break
		}
	}
	return o
}

func (o *curlOptions) toggle(flag byte) {
	switch flag {
	case 's':
		o.silent = true
	case 'S':
		o.showError = true
	case 'f':
		o.fail = true
	case 'L':
		o.follow = true
	case 'I':
		o.head = true
	}
}

func (o *curlOptions) set(flag byte, value string) {
	switch flag {
	case 'o':
		o.out = value
	case 'H':
		setHeader(o.header, value)
	case 'X':
		o.method = value
	case 'm':
		if d, err := time.ParseDuration(value + "s"); err == nil {
			o.max = d
		}
	}
}

// runCurl is curl with -s -S -f -L -I -o -H -X -m and its exit codes: 6 no such host, 7 no connection, 22 HTTP error with
// -f, 28 timeout, 52 empty answer.
func runCurl(ctx context.Context, p proc) int {
	o := parseCurl(p.args)
	ctx, cancel := context.WithTimeout(ctx, o.max)
	defer cancel()
	method := o.method
	if method == "" && o.head {
		method = http.MethodHead
	}
	complain := func(code int, text string) int {
		if !o.silent || o.showError {
			fmt.Fprintf(p.stderr, "curl: (%d) %s\n", code, text)
		}
		return code
	}
	a, err := fetch(ctx, method, o.target, o.header, o.follow)
	if err != nil {
		code, text := curlError(o.target, err)
		return complain(code, text)
	}
	defer a.Body.Close()
	if o.fail && a.StatusCode >= 400 {
		return complain(22, fmt.Sprintf("The requested URL returned error: %d", a.StatusCode))
	}
	if o.head {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\r\n", a.Proto, a.Status)
		a.Header.Write(&b)
		return saveBody(p, strings.NewReader(b.String()+"\r\n"), o.out)
	}
	return saveBody(p, a.Body, o.out)
}

func curlError(target string, err error) (int, string) {
	host, port := target, "80"
	if u, parseErr := url.Parse(target); parseErr == nil {
		host = u.Hostname()
		if u.Port() != "" {
			port = u.Port()
		}
	}
	_, dial := errors.AsType[*net.OpError](err)
	switch _, dns := errors.AsType[*net.DNSError](err); {
	case dns:
		return 6, "Could not resolve host: " + host
	case errors.Is(err, context.DeadlineExceeded):
		return 28, "Operation timed out"
	case errors.Is(err, io.EOF):
		return 52, "Empty reply from server"
	case dial:
		return 7, fmt.Sprintf("Failed to connect to %s port %s after 0 ms: Couldn't connect to server", host, port)
	}
	return 3, "URL rejected: " + err.Error()
}
