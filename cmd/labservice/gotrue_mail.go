package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/smtp"
	"strconv"
	"strings"
	"time"
)

// sendMail delivers one message over SMTP as gomail does: it dials, greets, upgrades to TLS when offered and logs in
// when a user is set. Its error is the one that GoTrue logs, for instance the failed dial.
func (g *gotrue) sendMail(ctx context.Context, to, subject, body string) error {
	host := g.conf.smtpHost
	if host == "" { // upstream's noop mail client
		return nil
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(g.conf.smtpPort)))
	if err != nil {
		return err
	}
	defer conn.Close()
	if t, ok := ctx.Deadline(); ok {
		conn.SetDeadline(t)
	}
	if g.conf.smtpPort == 465 {
		conn = tls.Client(conn, &tls.Config{ServerName: host})
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := g.login(c); err != nil {
		return err
	}
	return g.deliver(c, to, subject, body)
}

func (g *gotrue) login(c *smtp.Client) error {
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{ServerName: g.conf.smtpHost}); err != nil {
			return err
		}
	}
	if ok, _ := c.Extension("AUTH"); ok && g.conf.smtpUser != "" {
		return c.Auth(smtp.PlainAuth("", g.conf.smtpUser, g.conf.smtpPass, g.conf.smtpHost))
	}
	return nil
}

func (g *gotrue) deliver(c *smtp.Client, to, subject, body string) error {
	if err := c.Mail(g.conf.smtpFrom); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	oneLine := strings.NewReplacer("\r", "", "\n", "")
	_, err = fmt.Fprintf(w, "From: %s <%s>\r\nTo: %s\r\nSubject: %s\r\n\r\n%s\r\n",
		oneLine.Replace(g.conf.smtpSender), g.conf.smtpFrom, oneLine.Replace(to), subject, body)
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
