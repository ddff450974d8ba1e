//go:build !race

package repairs

// limitsMemory says whether the kernel bounds the child's address space.
const limitsMemory = true
