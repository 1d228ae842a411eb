package report

import (
	"context"
	"fmt"
	"strings"
)

// Codes of WebSocket close frames.
const (
	// ServiceRestart says to connect anew; clients should wait for a moment
	// that they choose by chance.
	ServiceRestart = 1012
	// GoingAway says that the server goes, for clients that know no better.
	GoingAway = 1001
)

// maxCloseReason is what fits into a close frame beside the code.
const maxCloseReason = 123

// CloseWebSocket is a [Leave] that sends a close frame, for libraries whose
// connections have a method Close(code, reason), such as
// github.com/coder/websocket. code is [ServiceRestart], [GoingAway] or one of
// the application's own, 3000 to 4999.
//
// With github.com/gorilla/websocket it is
//
//	func(ctx context.Context, why report.Reason) error {
//		text := websocket.FormatCloseMessage(report.ServiceRestart, why.CloseText())
//		return conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
//	}
func CloseWebSocket[Code ~int](conn interface{ Close(Code, string) error }, code Code) Leave {
	return func(_ context.Context, why Reason) error {
		if err := conn.Close(code, why.CloseText()); err != nil {
			return fmt.Errorf("close a WebSocket with %d: %w", code, err)
		}
		return nil
	}
}

// CloseText is the reason's text, cut to what fits into a close frame.
func (r Reason) CloseText() string {
	if len(r.Text) <= maxCloseReason {
		return r.Text
	}
	return strings.ToValidUTF8(r.Text[:maxCloseReason], "")
}
