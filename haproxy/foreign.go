package haproxy

// noteForeign finds weights that are not what was set last.
func (b *Backend) noteForeign(v *view) {
	f := &b.following
	for i := range v.servers {
		s := &v.servers[i]
		set, ok := f.sent[s.name]
		if !ok || !v.at.After(set.at) {
			continue
		}
		before, noted := f.foreign[s.name]
		switch {
		case f.closed[s.name] && s.weight == 0:
		case f.closed[s.name]:
			// Who opens it again hands it over.
			delete(f.closed, s.name)
			delete(f.foreign, s.name)
			f.sent[s.name] = setting{s.weight, v.at}
		case s.weight == set.weight:
			if noted {
				delete(f.foreign, s.name)
				b.proxy.log.Info("weight is back at what trimtab had set", "backend", b.name, "server", s.name, "weight", s.weight)
			}
		case noted && s.agent:
			f.foreign[s.name] = s.weight // the next check of an agent is no news
		case !noted || before != s.weight:
			f.foreign[s.name] = s.weight
			b.proxy.stats.external.Add(1)
			b.proxy.log.Warn("weight was changed by someone else", "backend", b.name, "server", s.name,
				"set", set.weight, "now", s.weight, "external_changes", string(b.proxy.config.ExternalChanges))
		}
	}
}
