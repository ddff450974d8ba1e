package core

import "slices"

// FreePort returns the lowest port from from to to that is not among taken. A
// Conflict says that there is none.
func FreePort(taken []int, from, to int) (int, error) {
	for port := max(from, 1); port <= min(to, 65535); port++ {
		if !slices.Contains(taken, port) {
			return port, nil
		}
	}
	return 0, Errorf(Conflict, "no port from %d to %d is free", from, to)
}
