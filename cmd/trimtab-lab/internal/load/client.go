package load

import "time"

// ClientOptions say which WebSocket clients there are and where they connect to.
type ClientOptions struct {
	// URLs are where they connect to, ws://host:port/path, by [Act.To].
	URLs    []string
	Clients []Client
	// Length is until when they act.
	Length time.Duration
	// Messages is about how many they send, so that there is room for them before
	// it matters how long making room takes.
	Messages int
	// Backends are as in [Options].
	Backends []string
}

// Client says what one client does and when, counted from the beginning. Its
// methods are called one at a time.
type Client interface {
	// Next is when it acts next; false is never, unless something becomes of its
	// connection.
	Next() (at time.Duration, acts bool)
	// Act is what it does then.
	Act() Act
	// Connection tells it after a Connect that it is connected, or at that instant
	// that it is not, or not any longer.
	Connection(open bool, at time.Duration)
}

// Act is what a client does at an instant.
type Act struct {
	At   time.Duration
	Kind ActKind
	// To is which of the addresses it connects to, by index.
	To int
	// Demand and Wait are a message's, as in [Arrival].
	Demand, Wait time.Duration
}

// ActKind is a kind of act.
type ActKind uint8

const (
	// Connect opens a connection.
	Connect ActKind = iota
	// Send sends a message, whether or not earlier ones have been answered.
	Send
	// Leave closes the connection as soon as all messages on it are answered.
	Leave
)

// ClientResult is how connections went.
type ClientResult struct {
	// Opened and Failed are handshakes; Peak is the most connections open at once.
	Opened, Failed, Peak int
	// Lost is connections that ended without their client's doing.
	Lost int
	// LostThen are those of the time asked for; all above counts from the beginning.
	LostThen []Loss
	// OpenLate is how long after the intended instant connections were open that
	// were to be opened in that time.
	OpenLate Quantiles
}

// Loss is a connection that ended without its client's doing.
type Loss struct {
	// At is when, counted from the beginning.
	At time.Duration
	// Backend is its index among those known, -1 for one that is not.
	Backend int
}
