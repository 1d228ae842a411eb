package report_test

import (
	"errors"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/scorer/report"
)

// A service of WebSockets that reports its load at a port of its own, and lets
// trimtab move some of its connections to other servers.
func Example() {
	reporter, err := report.New(report.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer reporter.Close()

	chat := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = socket.CloseNow() }()
		reporter.Connection(w, report.CloseWebSocket(socket, report.ServiceRestart))
		for {
			kind, text, err := socket.Read(r.Context())
			if err != nil {
				return
			}
			message := reporter.Begin() // so that messages are the work that is counted
			err = socket.Write(r.Context(), kind, text)
			message.End(err != nil)
		}
	})
	private := &http.Server{Addr: "127.0.0.1:9001", Handler: report.Endpoints{
		Load: reporter, Shed: reporter, Drain: reporter,
		Token: func() (string, error) {
			token, err := os.ReadFile("/etc/chat/trimtab-token")
			return strings.TrimSpace(string(token)), err
		},
	}.Handler()}
	go func() {
		if err := private.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()
	log.Print(http.ListenAndServe(":8080", reporter.Middleware(chat)))
}
