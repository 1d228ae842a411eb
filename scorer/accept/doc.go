// Package accept takes connections from a listener: no more at once than there is
// room for, and through trouble that passes, such as being out of file descriptors.
//
//	listener ─▶ Server: a goroutine for each, those in excess refused ─▶ Handle
//	listener ─▶ Limit:  a listener for servers of others, as of net/http
//
// The package is not for what is said on a connection, nor for how long it may take.
package accept
