package token

import "net/http"

// Flag is the command line's way to a token, for commands to embed.
type Flag struct {
	TokenFile string `env:"TRIMTAB_TOKEN_FILE" placeholder:"FILE" help:"The token that admin.token_file of the running trimtab holds, in a file (default $$TRIMTAB_TOKEN_FILE)."`
}

// Authorize makes the request show the token, if there is a file with one.
func (f Flag) Authorize(r *http.Request) error {
	if f.TokenFile == "" {
		return nil
	}
	secret, err := Read(f.TokenFile)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", Scheme+" "+secret)
	return nil
}

// Scheme is the name of the way the token is shown (RFC 6750).
const Scheme = "Bearer"
