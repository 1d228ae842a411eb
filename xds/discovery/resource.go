package discovery

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Resource is one named message in its encoded form.
type Resource struct {
	// Name is unique among the resources of its type in a view. "*" and names
	// that are no valid UTF-8 or longer than 1,024 bytes are refused.
	Name string
	// Body is the encoded message, without google.protobuf.Any around it.
	// The server keeps it: it must never change after it was published.
	Body []byte
	// Basis is what the version depends on besides Body, and is not kept. A change
	// of it makes clients be sent the resource again although Body is the same.
	// Give a load assignment the bytes of its cluster: Envoy keeps a cluster
	// that has changed warming until its endpoints come again, and does not ask
	// for them itself in the delta protocol. As the version is made of it, this
	// holds for a client that missed the change and reconnects later, too.
	Basis []byte
}

// Change is what a publication does to one type.
type Change struct {
	// TypeURL is that of clusters, endpoints, listeners or routes.
	TypeURL string
	// Changed are new resources and new versions of old ones. One with the
	// version that is published already changes nothing and costs nothing.
	Changed []Resource
	// Removed are names that shall exist no more. Names that do not exist are
	// passed over.
	Removed []string
}

// item is a resource as it is kept.
type item struct {
	name    string
	version uint64
	body    []byte
}

func newItem(r Resource) *item {
	version := xxhash.Sum64(r.Body)
	if len(r.Basis) > 0 {
		var digest xxhash.Digest
		digest.Reset()
		_, _ = digest.Write(binary.BigEndian.AppendUint64(nil, version)) // never fails
		_, _ = digest.Write(r.Basis)
		version = digest.Sum64()
	}
	return &item{name: r.Name, version: version, body: r.Body}
}

const versionLength = 16

func formatVersion(version uint64) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], version)
	return hex.EncodeToString(raw[:])
}

// parseVersion is false for what formatVersion cannot have made.
func parseVersion(text string) (uint64, bool) {
	if len(text) != versionLength {
		return 0, false
	}
	version, err := strconv.ParseUint(text, 16, 64)
	return version, err == nil
}
