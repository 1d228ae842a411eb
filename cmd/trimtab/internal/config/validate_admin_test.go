package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestTokenIsRequiredBeyondLoopback(t *testing.T) {
	for listen, required := range map[string]bool{
		"127.0.0.1:9902": false, "127.8.8.8:9902": false, "[::1]:9902": false, "localhost:9902": false,
		"LOCALHOST:9902": false, "[::ffff:127.0.0.1]:9902": false,
		":9902": true, "0.0.0.0:9902": true, "[::]:9902": true, "10.0.0.1:9902": true,
		"[fe80::1%eth0]:9902": true, "trimtab.example:9902": true, "localhost.example:9902": true, "127.1:9902": true,
	} {
		for _, file := range []string{"", ", token_file: /etc/trimtab/token"} {
			text := fmt.Sprintf("admin: {listen: %q%s}\npools: [{name: a, from: haproxy, targets: [haproxy: {socket: /s}]}]\n", listen, file)
			_, err := Parse("trimtab.yaml", []byte(text))
			if required && file == "" {
				if err == nil || !strings.Contains(err.Error(), "trimtab.yaml:1:8: admin.token_file: is required because "+listen) {
					t.Errorf("%s: error %v, want one that asks for a token", listen, err)
				}
			} else if err != nil {
				t.Errorf("%s: %v", listen+file, err)
			}
		}
	}
}
