package stack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseServers(t *testing.T) {
	const head = "# pxname,svname,scur,stot,status,weight,uweight,\n"
	for name, test := range map[string]struct {
		in   string
		want []Server
		err  string
	}{
		"two":            {head + "pool,s1,3,70,no check,100,100,\npool,s2,0,0,MAINT,5,0,\n\n", []Server{{"s1", "no check", 100, 3, 70}, {"s2", "MAINT", 0, 0, 0}}, ""},
		"other order":    {"# uweight,status,stot,scur,svname\n9,UP,2,1,x\n", []Server{{"x", "UP", 9, 1, 2}}, ""},
		"none":           {head, nil, ""},
		"empty":          {"", nil, "EOF"},
		"refused":        {"Permission denied\n", nil, "no column svname"},
		"not a number":   {head + "pool,s1,3,70,UP,100,many,\n", nil, "column uweight"},
		"short row":      {head + "pool,s1\n", nil, "column"},
		"no such column": {"# pxname,svname\npool,s1\n", nil, "no column status"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseServers(strings.NewReader(test.in))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseServers(f *testing.F) {
	f.Add("# pxname,svname,scur,stot,status,weight,uweight,\npool,s1,3,70,no check,100,100,\n")
	f.Add("# svname\n\"")
	f.Fuzz(func(t *testing.T, in string) {
		if servers, err := parseServers(strings.NewReader(in)); err != nil && servers != nil {
			t.Errorf("both %v and %v", servers, err)
		}
	})
}
