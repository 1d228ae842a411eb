package main

import "github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"

type checkCommand struct {
	Config string `required:"" type:"path" placeholder:"FILE" help:"The configuration file."`
}

func (c checkCommand) Run(s *streams) error {
	parsed, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	_, err = s.out.Write(parsed.Effective())
	return err
}
