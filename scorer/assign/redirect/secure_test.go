package redirect

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// A server begins and ends to speak TLS while it runs, with HTTP/2 and with WebSocket
// handshakes.
func TestTLS(t *testing.T) {
	with := httptest.NewUnstartedServer(nil) // for its certificate
	with.EnableHTTP2 = true
	with.StartTLS()
	defer with.Close()
	client := func() *http.Client { // without connections from before
		transport := with.Client().Transport.(*http.Transport).Clone()
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := running(t)
	target(t, s, Options{URL: "wss://{address}{path}"}, backends()[0])
	ask := func(scheme string) (proto string, status int) {
		resp, err := client().Get(scheme + "://" + s.Addr().String() + "/a")
		if err != nil {
			return "", 0
		}
		_ = resp.Body.Close()
		return resp.Proto, resp.StatusCode
	}
	if proto, status := ask("http"); proto != "HTTP/1.1" || status != http.StatusTemporaryRedirect {
		t.Errorf("in plain text %s %d", proto, status)
	}
	s.SetTLS(with.TLS)
	if proto, status := ask("https"); proto != "HTTP/2.0" || status != http.StatusTemporaryRedirect {
		t.Errorf("by TLS %s %d, want HTTP/2.0 307", proto, status)
	}
	if _, status := ask("http"); status != http.StatusBadRequest {
		t.Errorf("plain text is answered %d where TLS is spoken, want 400", status)
	}
	handshake := client()
	handshake.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	handshake.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
	_, resp, err := websocket.Dial(t.Context(), "wss://"+s.Addr().String()+"/room", &websocket.DialOptions{HTTPClient: handshake})
	if err == nil || resp == nil || resp.Header.Get("Location") != "wss://10.0.0.1:8080/room" {
		t.Errorf("a WebSocket handshake is answered %v, %v", resp, err)
	}
	s.SetTLS(nil)
	if proto, status := ask("http"); !strings.HasPrefix(proto, "HTTP/1") || status != http.StatusTemporaryRedirect {
		t.Errorf("in plain text again %s %d", proto, status)
	}
}
