package haproxy

import "sync"

// parsing is held while a configuration file is read: the parser library keeps
// state in package variables.
var parsing sync.Mutex

// readConfigFile takes in what HAProxy's configuration file says, if one is
// known.
func (p *Proxy) readConfigFile() error {
	if p.config.ConfigFile == "" {
		return nil
	}
	parsing.Lock()
	defer parsing.Unlock()
	file, err := readFile(p.config.ConfigFile)
	if err != nil {
		return err
	}
	p.file.Store(&file)
	return nil
}

// reread takes in the configuration file after a restart or reload, which may
// have read another one. Without it, less is known, and the rest goes on.
func (p *Proxy) reread() {
	if err := p.readConfigFile(); err != nil {
		p.file.Store(nil)
		p.log.Warn("what HAProxy's configuration file says is not known any more", "error", err)
	}
}

// inFile is what the configuration file says of a backend.
func (p *Proxy) inFile(backend string) fileBackend {
	file := p.file.Load()
	if file == nil {
		return fileBackend{}
	}
	return (*file)[backend]
}
