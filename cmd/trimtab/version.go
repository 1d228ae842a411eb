package main

import (
	"fmt"
	"runtime"
)

type versionCommand struct{}

func (versionCommand) Run(s *streams) error {
	_, err := fmt.Fprintf(s.out, "trimtab %s %s %s/%s\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
