package scenario

import "github.com/trimtab-lb/trimtab/cmd/internal/problem"

// Problem is one thing that is wrong with a file, Problems are all of them.
type (
	Problem  = problem.Problem
	Problems = problem.List
)
