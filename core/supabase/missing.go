package supabase

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// missing lists the variables that s would blank: $A and ${A} where A is not
// set, and those inside a default or replacement that is really used.
func missing(s string, env types.Mapping) []string {
	var names []string
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			continue
		}
		i++
		if s[i] == '$' {
			continue
		}
		braced := s[i] == '{'
		if braced {
			i++
		}
		start := i
		for i < len(s) && isNameByte(s[i]) {
			i++
		}
		name := s[start:i]
		if !braced {
			i--
		}
		value, set := env[name]
		if !braced || i < len(s) && s[i] == '}' {
			if name != "" && !set {
				names = append(names, name)
			}
			continue
		}
		end := closing(s, i)
		names = append(names, missingInOperand(s[i:end], value, set, env)...)
		i = end
	}
	return names
}

// missingInOperand looks into what follows the name in ${NAME…}, such as
// ":-default", when the operator makes Compose use it.
func missingInOperand(rest, value string, set bool, env types.Mapping) []string {
	filled := set
	if strings.HasPrefix(rest, ":") {
		filled, rest = value != "", rest[1:]
	}
	if rest == "" {
		return nil
	}
	if op := rest[0]; op == '-' && !filled || op == '+' && filled {
		return missing(rest[1:], env)
	}
	return nil
}

// closing returns the index of the brace that closes the one before i.
func closing(s string, i int) int {
	for depth := 1; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

func isNameByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}
