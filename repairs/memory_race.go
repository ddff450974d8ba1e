//go:build race

package repairs

// limitsMemory is off under the race detector, which maps terabytes itself.
const limitsMemory = false
