package backend

import "encoding/json"

// Message is what a WebSocket client sends. The backend does the work of those
// with an ID side by side and answers each with an [Answer]; the others it does
// one after another and sends them back as they came. What is not JSON is no work.
type Message struct {
	// ID is the client's own; 0 is none.
	ID uint64 `json:"id,omitempty"`
	// Demand is the message's work: seconds of one core at speed 1.
	Demand float64 `json:"demand,omitempty"`
	// Wait is for how many seconds an Answer is not given after that, without
	// using a core.
	Wait float64 `json:"wait,omitempty"`
	// Text is the client's own.
	Text string `json:"text,omitempty"`
}

// Answer is what became of a message.
type Answer struct {
	ID uint64 `json:"id"`
	// Status is that of a request of which the same had become.
	Status int `json:"status"`
	// Served is for how many seconds the message was here by the exact instants, as
	// in [ServedHeader].
	Served float64 `json:"served"`
}

// longestWait is the most, in seconds, that a message may wait, so that it fits
// into any clock.
const longestWait = 1e6

func parseMessage(text []byte) Message {
	var m Message
	if json.Unmarshal(text, &m) != nil {
		return Message{}
	}
	m.Demand, m.Wait = max(m.Demand, 0), min(max(m.Wait, 0), longestWait)
	return m
}
