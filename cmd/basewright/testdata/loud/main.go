// Command loud prints what it is told to, more of it than anybody wants to read:
// loud BYTES LINE prints LINE until so many bytes are out, then one line of 10 MB
// and a last one.
package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

func main() {
	size, _ := strconv.Atoi(os.Args[1])
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for n := 0; n < size; n += len(os.Args[2]) + 1 {
		out.WriteString(os.Args[2] + "\n")
	}
	if size > 1<<20 {
		out.WriteString(strings.Repeat("x", 10<<20) + "\n")
	}
	out.WriteString(os.Args[2] + " the last\n")
	out.Flush()
}
