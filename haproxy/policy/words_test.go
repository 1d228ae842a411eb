package policy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitAsHAProxyDoes(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
		err  error
	}{
		{"", nil, nil},
		{"   \t", nil, nil},
		{"# balance", nil, nil},
		{"a b#c d", []string{"a", "b"}, nil},
		{`a "b # c"d 'e "f"'`, []string{"a", "b # cd", `e "f"`}, nil},
		{`a\ b \#c d\\e \"f \'g`, []string{"a b", "#c", `d\e`, `"f`, "'g"}, nil},
		{`\x41\x6a \1 \t\n\r`, []string{"Aj", `\1`, "\t\n\r"}, nil},
		{`'\x41\'`, []string{`\x41\`}, nil},
		{`"\$A \"" "it\'s"`, []string{`$A "`, `it\'s`}, nil},
		{"balance \r leastconn \r", []string{"balance", "leastconn"}, nil},
		{"balance leastconn\rsource", []string{"balance", "leastconn"}, nil},
		{`"" x`, []string{"", "x"}, nil},
		{"a\v\fb", []string{"a", "b"}, nil},
		{"a\x00b", []string{"a"}, nil},
		{`a\`, []string{`a\`}, nil},
		{`a "b`, nil, errQuote},
		{`a 'b`, nil, errQuote},
		{`\x4`, nil, errEscape},
		{`\xg0`, nil, errEscape},
	} {
		words, err := split([]byte(test.line))
		var got []string
		for _, w := range words {
			got = append(got, w.text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
			t.Errorf("%q: error %v, want %v; (-want +got)\n%s", test.line, err, test.err, diff)
		}
	}
	words, err := split([]byte(`'$A' "$A" $A "\$A"`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false, false} {
		if words[i].variable != want {
			t.Errorf("word %d: variable %v, want %v", i, words[i].variable, want)
		}
	}
}
