package policy

import (
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// Every configuration is run as it was and as it became: what the editor takes
// it for, and makes of it, is what HAProxy does. That HAProxy starts includes
// that "haproxy -c" accepts it.
func TestHAProxyAgrees(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		for _, test := range configurations {
			t.Run(test.name, func(t *testing.T) {
				if version := versionOf(t, binary); test.old && version >= "3.3" {
					t.Skipf("HAProxy %s refuses it", version)
				}
				f := configuration(t, test.name)
				backend := "ws"
				if test.variable {
					backend = test.backend
				}
				in := start(t, instance.Options{Binary: binary, Config: string(f.Text)})
				is := running(t, in.Socket(), "ws")
				switch {
				case test.variable, strings.Contains(test.before, ","): // conditions and variables are HAProxy's
				case test.before == "", strings.HasPrefix(test.before, "balance"):
					if is != "roundrobin" && is != "unknown" {
						t.Errorf("HAProxy balances with %s, which nothing sets", is)
					}
				case strings.HasPrefix(test.before, "random"):
					if is != "unknown" {
						t.Errorf("HAProxy balances with %s, want random, which it has no name for", is)
					}
				case is != test.before:
					t.Errorf("HAProxy balances with %s, taken for %s", is, test.before)
				}
				e := edit(t, "leastconn", backend, f)
				if len(e.Changes) == 0 {
					return
				}
				if err := in.WriteConfig(string(e.Text)); err != nil {
					t.Fatal(err)
				}
				if err := in.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				if is := running(t, in.Socket(), "ws"); is != "leastconn" {
					t.Errorf("after the change HAProxy balances with %s", is)
				}
			})
		}
	})
}

func TestHAProxyAgreesOnEveryAlgorithm(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		for _, algorithm := range Algorithms() {
			for _, name := range []string{"crlf-inherited", "uri-arguments", "if-headers"} {
				t.Run(algorithm+" "+name, func(t *testing.T) {
					e := edit(t, algorithm, "ws", configuration(t, name))
					text := e.Text
					in := start(t, instance.Options{Binary: binary, Config: string(text)})
					if is := running(t, in.Socket(), "ws"); !InForce(is, algorithm) {
						t.Errorf("HAProxy balances with %s", is)
					}
				})
			}
		}
	})
}
