// Package notify tells the service manager how the program does: that it is
// ready, that it reloads, that it stops, in a line what it is at, and, again and
// again, that it is alive (see sd_notify(3)).
//
//	daemon ─▶ Notifier ─▶ datagram at $NOTIFY_SOCKET ─▶ systemd
//	                ▲
//	     healthy() ─┘ every quarter of $WATCHDOG_USEC
//
// Without a service manager, nothing is sent and nothing fails. The package is
// not for finding out whether the program is well: its caller says so.
//
// The protocol is a datagram; it is written here because a manager that reads no
// more would hold up the usual library for good, as it sets no deadline.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// sendTimeout bounds one message; whoever manages services reads at once or
// never.
const sendTimeout = time.Second

// maxStatus is the longest status in bytes. systemd takes no notice of a message
// above 4096, whatever else it says.
const maxStatus = 1024

// Notifier speaks to a service manager. A nil Notifier has nobody to speak to.
// Its methods may be used concurrently.
type Notifier struct {
	socket   string
	watchdog time.Duration
	log      *slog.Logger
}

// FromEnvironment is the service manager that started this process. What cannot
// be delivered is logged.
func FromEnvironment(log *slog.Logger) *Notifier {
	n := &Notifier{socket: os.Getenv("NOTIFY_SOCKET"), log: log}
	// The variables of a parent are not meant for its children.
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n
	}
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Ready says that the program does its work, with the configuration it was
// given last. status is a line for people.
func (n *Notifier) Ready(status string) { n.send("READY=1", "STATUS="+oneLine(status)) }

// Reloading says that a new configuration is being put in force; Ready ends it.
func (n *Notifier) Reloading() {
	fields := []string{"RELOADING=1"}
	if usec, ok := monotonicMicroseconds(); ok {
		fields = append(fields, fmt.Sprintf("MONOTONIC_USEC=%d", usec))
	}
	n.send(append(fields, "STATUS=reloading")...)
}

// Stopping says that the program ends.
func (n *Notifier) Stopping() { n.send("STOPPING=1", "STATUS=stopping") }

// Status says in a line for people what the program is at.
func (n *Notifier) Status(status string) { n.send("STATUS=" + oneLine(status)) }

// Watch tells the service manager that the program is alive for as long as
// healthy returns nil, until ctx ends. It returns at once where nobody wants to
// know. healthy must not block.
//
// It asks four times in the time that the manager allows, and sooner again
// after a bad answer, so that one bad moment does not end the program.
func (n *Notifier) Watch(ctx context.Context, healthy func() error) {
	if n == nil || n.socket == "" || n.watchdog <= 0 {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	wasHealthy := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := healthy()
		switch {
		case err == nil && !wasHealthy:
			n.log.Info("the service manager has no reason to restart trimtab any more")
		case err != nil && wasHealthy:
			n.log.Error("the service manager will restart trimtab unless this ends", "watchdog", n.watchdog, "error", err)
		}
		wasHealthy = err == nil
		if wasHealthy {
			n.send("WATCHDOG=1")
			timer.Reset(n.watchdog / 4)
		} else {
			timer.Reset(n.watchdog / 20)
		}
	}
}

func (n *Notifier) send(fields ...string) {
	if n == nil || n.socket == "" {
		return
	}
	if err := deliver(n.socket, strings.Join(fields, "\n")); err != nil {
		n.log.Warn("the service manager was not told", "what", fields[0], "error", err)
	}
}

// deliver sends one message. A socket name that begins with @ is in Linux's
// abstract namespace, which package net understands.
func deliver(socket, message string) error {
	conn, err := net.DialTimeout("unixgram", socket, sendTimeout)
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET %s: %w", socket, err)
	}
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET %s: %w", socket, err)
	}
	return nil
}

// oneLine keeps a text from ending its field and beginning another, and a
// message from being dropped for its length.
func oneLine(s string) string {
	s = printable.Line(s)
	if len(s) > maxStatus {
		s = strings.ToValidUTF8(s[:maxStatus], "") + " …"
	}
	return s
}
