// Package commandline writes commands that people are told to run.
//
// It is not for running them.
package commandline

import (
	"cmp"
	"fmt"
	"strings"
)

// Policy has a backend of HAProxy balance otherwise. Without a configuration file it is
// the usual one; without a master socket the system's service is reloaded.
func Policy(configFile, masterSocket, backend, algorithm string) string {
	reload := "--reload-command 'systemctl reload haproxy'"
	if masterSocket != "" {
		reload = "--master-socket " + Quoted(masterSocket)
	}
	return fmt.Sprintf("trimtab haproxy policy --config-file %s --backend %s %s --reload %s",
		Quoted(cmp.Or(configFile, "/etc/haproxy/haproxy.cfg")), Quoted(backend), Quoted(algorithm), reload)
}

// Quoted is a word for a shell.
func Quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,@%+=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
