// Package naturalsort stands in for a module that can no longer be had. docker-machine's `ls` sorts with it.
package naturalsort

import "sort"

// NaturalSort sorts as text.
type NaturalSort = sort.StringSlice
