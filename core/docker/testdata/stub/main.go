// Command stub is what test containers run: an HTTP server, and a few commands
// for exec.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] != "serve" {
		command(os.Args[1], os.Args[2:])
		return
	}
	serve()
}

// serve answers on PORT until it is told to stop. Without PORT nothing listens.
func serve() {
	fmt.Println("stub is up")
	for i := range number("LINES") {
		fmt.Printf("\x1b[32mline %d\x1b[0m of many\n", i)
	}
	if port := os.Getenv("PORT"); port != "" {
		go http.ListenAndServe(":"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello from %s", os.Getenv("NAME"))
		}))
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func number(key string) int {
	n, _ := strconv.Atoi(os.Getenv(key))
	return n
}

func command(name string, args []string) {
	switch name {
	case "cat":
		io.Copy(os.Stdout, os.Stdin)
	case "echo":
		fmt.Println(args)
	case "env":
		fmt.Println(os.Getenv(args[0]))
	case "fail":
		fmt.Println("some output")
		fmt.Fprintln(os.Stderr, "first complaint")
		fmt.Fprintln(os.Stderr, args[1])
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	case "flood":
		for range 1 << 20 {
			fmt.Println("0123456789abcdef0123456789abcdef")
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "healthy":
		_, err := http.Get("http://127.0.0.1:" + os.Getenv("PORT"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}
