package config

import "net/url"

func (v *validator) scale(path string, s *Scale) {
	if s == nil || !v.usable(path) {
		return
	}
	if at := path + ".target_utilization"; v.usable(at) && (s.TargetUtilization <= 0 || s.TargetUtilization > 1) {
		v.fail(at, "0.7 is 70 percent", "must be above 0 and at most 1, is %v", s.TargetUtilization)
	}
	if at := path + ".min"; v.usable(at) && s.Min < 1 {
		v.fail(at, "default 1", "must be at least 1, is %d", s.Min)
	}
	if at := path + ".max"; v.given(at) && v.usable(at) && s.Max < max(s.Min, 1) {
		v.fail(at, "leave it out for no bound", "must be at least min %d, is %d", max(s.Min, 1), s.Max)
	}
	if w, at := s.Webhook, path+".webhook"; w != nil && v.usable(at) {
		v.absolute(at+".token_file", w.TokenFile)
		if u, err := url.Parse(w.URL); v.usable(at+".url") && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			v.fail(at+".url", "write https://host/path", "%q is not an http or https URL", w.URL)
		} else if err == nil && u.User != nil {
			v.fail(at+".url", "put a token into token_file", "must hold no password: it is shown and logged")
		}
	}
}
