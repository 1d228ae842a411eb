package dns

import miekg "github.com/miekg/dns"

// headerSize is that of a message without a question.
const headerSize = 12

// takeQueries looks at a header before the rest is read, which can be a thousand times
// as long when it is written out again: names may point to others. No query has more
// than one question, a record in the sections of answers (NOTIFY, IXFR), and EDNS and a
// signature.
func takeQueries(h miekg.Header) miekg.MsgAcceptAction {
	const response = 1 << 15
	switch {
	case h.Bits&response != 0:
		return miekg.MsgIgnore
	case h.Qdcount != 1 || h.Ancount > 1 || h.Nscount > 1 || h.Arcount > 2:
		return miekg.MsgReject
	default:
		return miekg.MsgAccept
	}
}

// terse sends of a FORMERR nothing but the header. The library writes those itself, of
// all questions that it could read and before anything is asked that limits how often:
// somebody's address could be flooded by that.
type terse struct{ miekg.Writer }

func (t terse) Write(message []byte) (int, error) {
	const rcode = 0x0f
	if len(message) > headerSize && message[3]&rcode == miekg.RcodeFormatError {
		message = message[:headerSize]
		clear(message[4:]) // the counts
	}
	return t.Writer.Write(message)
}
