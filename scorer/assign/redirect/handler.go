package redirect

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/assign"
)

// maxURI bounds what is copied from a request into Location.
const maxURI = 4096

// document is the answer in JSON.
type document struct {
	Pool    string `json:"pool"`
	Backend string `json:"backend"`
	Address string `json:"address"`
	URL     string `json:"url"`
}

// failure is the answer in JSON to who was sent nowhere.
type failure struct {
	Error string `json:"error"`
}

// ServeHTTP tells a client where to go: 307 or JSON; 400 and 414 for what cannot be
// asked for, 429 for who asks too often, 503 when there is no backend for it, both
// with Retry-After.
func (t *Target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if t.share(h, r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	asJSON := t.answersJSON(r)
	client := clientOf(r, t.options.TrustedProxies)
	if ok, after := t.limiter.Allow(now, client); !ok {
		t.refused.rate.Add(1)
		retry(h, after)
		refuse(w, http.StatusTooManyRequests, "asked too often", asJSON)
		return
	}
	switch {
	case len(r.URL.Path)+len(r.URL.RawQuery) > maxURI:
		t.refused.malformed.Add(1)
		refuse(w, http.StatusRequestURITooLong, "the URL is too long", asJSON)
		return
	case !strings.HasPrefix(r.URL.Path, "/"), r.Method == http.MethodConnect, r.Method == http.MethodTrace:
		t.refused.malformed.Add(1)
		refuse(w, http.StatusBadRequest, "nothing is served by this method and path", asJSON)
		return
	}
	b, err := t.placement.Assign(now, assign.Request{Key: t.key.of(r, client)})
	if err != nil {
		after := t.options.RetryAfter + rand.N(t.options.RetryAfter)
		if errors.Is(err, assign.ErrNoPlan) {
			after = time.Second // one comes with the first step
		}
		retry(h, after)
		refuse(w, http.StatusServiceUnavailable, err.Error(), asJSON)
		return
	}
	url := t.template.expand(b.Name, b.Address, r.URL.EscapedPath(), escapeQuery(r.URL.RawQuery))
	if asJSON {
		reply(w, http.StatusOK, document{t.pool, b.Name, b.Address, url})
		return
	}
	h.Set("Location", url)
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (t *Target) answersJSON(r *http.Request) bool {
	switch {
	case t.options.Answer == AnswerRedirect, asksForWebSocket(r):
		return false
	case t.options.Answer == AnswerJSON:
		return true
	default:
		return accepts(r.Header.Values("Accept"), "application/json")
	}
}

// accepts says whether a media type is named; */* does not ask for it.
func accepts(lines []string, media string) bool {
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(entry, ";")
			if strings.EqualFold(strings.TrimSpace(name), media) && strings.ReplaceAll(parameters, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}

func asksForWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// retry tells whole seconds, rounded up.
func retry(h http.Header, after time.Duration) {
	h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
}

func refuse(w http.ResponseWriter, status int, why string, asJSON bool) {
	if asJSON {
		reply(w, status, failure{why})
		return
	}
	http.Error(w, why, status)
}

func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that has gone needs no answer
}
